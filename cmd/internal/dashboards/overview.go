package main

const (
	requests  = "idnode_resolve_requests_total"
	responses = "idnode_resolve_responses_total"
	dropped   = "idnode_resolve_dropped_total"
	durations = "idnode_resolve_duration_seconds"
)

const (
	faults   = `code=~"failed|overloaded"`
	lost     = `reason=~"overload|queue_full"`
	admitted = `stage="request"`
)

var (
	byProto = []string{"proto"}
	byNode  = []string{"instance"}
)

// lostShare is the share of requests that are lost through our fault, as the rules record it.
func lostShare(over string) string {
	r := func(name, match string) string { return sum("rate(" + metric(name, match) + "[" + over + "])") }
	all := func(name string) string { return sum("rate(" + metric(name) + "[" + over + "])") }
	return "(" + r(responses, faults) + " + " + r(dropped, lost) + ") / (" + all(responses) + " + " + r(dropped, lost) + ")"
}

// overview is rates, errors and durations of each protocol, and whether the objective is kept.
var overview = board{
	uid: "idnode-overview", title: "idnode / Overview 总览", description: "Requests, errors and durations of each protocol, and the error budget. 各协议的请求、错误与延迟，以及错误预算。",
	panels: []panel{
		{kind: "stat", title: "Nodes that answer", unit: "none", width: 4, limits: []string{"-1", "-1"}, description: "Nodes that Prometheus can scrape. 可采集的节点数。",
			queries: []query{{sum(metric("up")), ""}}},
		{kind: "stat", title: "Requests", unit: "reqps", width: 5, description: "Resolution requests over all protocols. 各协议解析请求合计。",
			queries: []query{{sumRate(requests, nil), ""}}},
		{kind: "stat", title: "Lost, last hour", unit: "percentunit", width: 5, limits: []string{"0.0005", "0.0072"}, description: "Share of requests that failed or found no capacity; the objective is 0.05 %. 因我方原因失败的请求占比，目标 0.05 %。",
			queries: []query{{lostShare("1h"), ""}}},
		{kind: "stat", title: "Burn rate, last hour", unit: "none", width: 5, limits: []string{"1", "14.4"}, description: "How many times too fast the error budget of 30 days goes; 14.4 pages. 错误预算消耗倍数。",
			queries: []query{{lostShare("1h") + " / 0.0005", ""}}},
		{kind: "stat", title: "Local answers, p99", unit: "s", width: 5, limits: []string{"0.005", "0.05"}, description: "Time to answer without asking other nodes. 本地应答的 P99 延迟。",
			queries: []query{{quantile("0.99", durations, nil, `source=~"none|l1|store|computed"`), ""}}},
		{title: "Requests by protocol", unit: "reqps", stack: true, description: "Requests taken up. 各协议请求速率。",
			queries: []query{{sumRate(requests, byProto), "{{proto}}"}}},
		{title: "Failures by protocol", unit: "percentunit", description: "Share of answers that are failures of ours. 各协议故障应答占比。",
			queries: []query{{share(sumRate(responses, byProto, faults), sumRate(responses, byProto)), "{{proto}}"}}},
		{title: "Duration by protocol, p99", unit: "s", description: "From a request's arrival to its answer. 各协议 P99 延迟。",
			queries: []query{{quantile("0.99", durations, byProto), "{{proto}}"}}},
		{title: "Duration by protocol, median", unit: "s", description: "From a request's arrival to its answer. 各协议中位延迟。",
			queries: []query{{quantile("0.5", durations, byProto), "{{proto}}"}}},
		{title: "Answers by outcome", unit: "reqps", stack: true, description: "What askers are told. 按结果统计的应答。",
			queries: []query{{sumRate(responses, []string{"code"}), "{{code}}"}}},
		{title: "Burn rate", unit: "none", description: "Error budget over short and long windows: 14.4 over 1 h and 5 min pages, 6 over 6 h and 30 min makes a ticket. 多窗口错误预算消耗倍数。",
			queries: []query{{lostShare("5m") + " / 0.0005", "5m"}, {lostShare("30m") + " / 0.0005", "30m"}, {lostShare("1h") + " / 0.0005", "1h"}, {lostShare("6h") + " / 0.0005", "6h"}}},
		{title: "Requests by node", unit: "reqps", stack: true, description: "How the load is spread. 各节点请求速率。",
			queries: []query{{sumRate(requests, byNode), "{{instance}}"}}},
		{title: "Panics", unit: "none", description: "Faults of the program that a request has hit, in an interval. 程序缺陷次数。",
			queries: []query{{sum("increase("+metric("idnode_panics_total")+window+")", "component"), "{{component}}"}}},
		{title: "Days until the certificate ends", unit: "d", description: "Of HTTPS, of each node. HTTPS 证书剩余天数。",
			queries: []query{{"(" + metric("idnode_tls_certificate_not_after_timestamp_seconds") + " - time()) / 86400", "{{instance}}"}}},
	},
}

// resolution is what happens inside of the resolver and at its sockets.
var resolution = board{
	uid: "idnode-resolver", title: "idnode / Resolver 解析内部", description: "Where answers come from, what is dropped, and the sockets. 应答来源、丢弃与套接字。",
	panels: []panel{
		{title: "Answers by source", unit: "reqps", stack: true, description: "l1: this node's cache, store: the disk, computed: from the namespace, none: nothing was looked for. 应答来源。",
			queries: []query{{sumRate(responses, []string{"source"}), "{{source}}"}}},
		{title: "Duration by source, p99", unit: "s", description: "How long answers of each source take. 各来源 P99 延迟。",
			queries: []query{{quantile("0.99", durations, []string{"source"}), "{{source}}"}}},
		{title: "Requests by scheme", unit: "reqps", stack: true, description: "Handle, OID, Ecode, GS1 and others. 按标识体系统计的请求。",
			queries: []query{{sumRate(requests, []string{"scheme"}), "{{scheme}}"}}},
		{title: "Requests by operation", unit: "reqps", stack: true, description: "What is asked of each protocol. 按操作统计的请求。",
			queries: []query{{sumRate(requests, []string{"op"}), "{{op}}"}}},
		{title: "In flight", unit: "none", description: "Requests being answered. 处理中的请求。",
			queries: []query{{sum(metric("idnode_inflight_requests"), "proto"), "{{proto}}"}}},
		{title: "Queue", unit: "none", description: "Datagrams that wait for a worker; beyond 1024 they are dropped. 等待处理的报文数。",
			queries: []query{{metric("idnode_queue_depth"), "{{instance}} {{proto}}"}}},
		{title: "Requests less answers, drops and what is in flight", unit: "none", description: "The accounting identity: 0 at rest; some while much is under way. 记账恒等式：静止时为零。",
			queries: []query{{sum(metric(requests), "proto") + " - " + sum(metric(responses), "proto") + " - " + sum(metric(dropped, admitted), "proto") + " - " + sum(metric("idnode_inflight_requests"), "proto"), "{{proto}}"}}},
		{title: "Dropped before admission", unit: "pps", description: "Packets and connections that did not become requests, by reason. 受理前丢弃。",
			queries: []query{{sumRate(dropped, []string{"proto", "reason"}, `stage="admission"`), "{{proto}} {{reason}}"}}},
		{title: "Requests dropped", unit: "reqps", description: "Requests that were left without an answer, by reason. 受理后丢弃。",
			queries: []query{{sumRate(dropped, []string{"proto", "reason"}, admitted), "{{proto}} {{reason}}"}}},
		{title: "Slipped", unit: "reqps", description: "Requests that got a short answer because their network has had its share. 因限速改为简短应答的请求。",
			queries: []query{{sumRate("idnode_rrl_slipped_total", byProto), "{{proto}}"}}},
		{title: "Socket buffers overrun", unit: "pps", description: "Datagrams that the system dropped, by socket. 套接字缓冲区溢出。",
			queries: []query{{sumRate("idnode_udp_socket_rcvbuf_errors_total", []string{"proto", "socket"}), "{{proto}} {{socket}}"}}},
		{title: "Datagrams read at once, mean", unit: "none", description: "How many datagrams one system call brings. 每次系统调用读取的报文数。",
			queries: []query{{share(sumRate("idnode_udp_batch_size_sum", byProto), sumRate("idnode_udp_batch_size_count", byProto)), "{{proto}}"}}},
		{title: "TCP connections", unit: "none", description: "Open connections of each protocol. 各协议的 TCP 连接数。",
			queries: []query{{sum(metric("idnode_tcp_connections"), "proto"), "{{proto}}"}}},
		{title: "Request size, p99", unit: "bytes", description: "Octets of a datagram. 请求大小 P99。",
			queries: []query{{quantile("0.99", "idnode_resolve_request_bytes", byProto), "{{proto}}"}}},
		{title: "Response size, p99", unit: "bytes", description: "Octets of a datagram. 应答大小 P99。",
			queries: []query{{quantile("0.99", "idnode_resolve_response_bytes", byProto), "{{proto}}"}}},
		{title: "Query log", unit: "ops", description: "Requests that are logged, and that could not be. 解析日志写入与丢失。",
			queries: []query{{sumRate("idnode_query_log_entries_total", nil), "written"}, {sumRate("idnode_query_log_dropped_total", nil), "dropped"}}},
	},
}
