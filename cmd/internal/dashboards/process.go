package main

// process is the Go runtime and what the machine gives it.
var process = board{
	uid: "idnode-runtime", title: "idnode / Runtime 运行时", description: "CPU, memory, collections and descriptors of the process. 进程的 CPU、内存、回收与描述符。",
	panels: []panel{
		{title: "CPU", unit: "percentunit", description: "1 is one core. CPU 使用（1 为一核）。", queries: []query{{rate("process_cpu_seconds_total"), "{{instance}}"}, {metric("go_sched_gomaxprocs_threads"), "{{instance}} cores"}}},
		{title: "Memory", unit: "bytes", description: "What the system counts, what Go has of it, and the limit. 内存。",
			queries: []query{{metric("process_resident_memory_bytes"), "{{instance}} resident"}, {metric("go_memstats_heap_inuse_bytes"), "{{instance}} heap"}, {metric("go_gc_gomemlimit_bytes"), "{{instance}} limit"}}},
		{title: "Goroutines", unit: "none", description: "Some dozens at rest, and one or two a connection. 协程数。", queries: []query{{metric("go_goroutines"), "{{instance}}"}}},
		{title: "Collections", unit: "ops", description: "Garbage collections a second. 垃圾回收次数。", queries: []query{{rate("go_gc_duration_seconds_count"), "{{instance}}"}}},
		{title: "Longest pause of a collection", unit: "s", description: "Of the last ones. 回收最长停顿。", queries: []query{{metric("go_gc_duration_seconds", `quantile=~"1|1.0"`), "{{instance}}"}}},
		{title: "Waiting for a processor, p99", unit: "s", description: "How long goroutines that could run wait: the CPU is too busy if it grows. 调度等待 P99。",
			queries: []query{{quantile("0.99", "go_sched_latencies_seconds", byNode), "{{instance}}"}}},
		{title: "Allocations", unit: "Bps", description: "Octets allocated a second. 内存分配速率。", queries: []query{{rate("go_memstats_alloc_bytes_total"), "{{instance}}"}}},
		{title: "Descriptors", unit: "none", description: "Open files and sockets, and how many there may be. 文件描述符。",
			queries: []query{{metric("process_open_fds"), "{{instance}} open"}, {metric("process_max_fds"), "{{instance}} most"}}},
		{title: "Network", unit: "Bps", description: "Of the network namespace that the process is in. 网络流量。",
			queries: []query{{rate("process_network_receive_bytes_total"), "{{instance}} in"}, {rate("process_network_transmit_bytes_total"), "{{instance}} out"}}},
		{title: "Up since", unit: "dateTimeAsIso", kind: "stat", width: 12, description: "When the process started. 启动时间。", queries: []query{{metric("process_start_time_seconds") + " * 1000", "{{instance}}"}}},
		{title: "Version", unit: "none", kind: "stat", width: 12, description: "What runs. 版本。", queries: []query{{sum(metric("idnode_build_info"), "version", "goversion"), "{{version}} {{goversion}}"}}},
	},
}

// business is what managers ask for. Figures of an enterprise are in the API's statistics, not in metrics.
var business = board{
	uid: "idnode-business", title: "idnode / Business 业务", description: "Registrations, resolutions and enterprises. What is asked for most is at /debug/hot of the admin listener, figures of an enterprise in idctl statistics. 注册量、解析量与企业数；热点见管理端口 /debug/hot，企业明细见 idctl statistics。",
	panels: []panel{
		{kind: "stat", title: "Identifiers", unit: "none", width: 6, description: "Active records. 有效标识数。", queries: []query{{sum(metric("idnode_records", `status="active"`)), ""}}},
		{kind: "stat", title: "Enterprises", unit: "none", width: 6, description: "Active ones. 有效企业数。", queries: []query{{sum(metric("idnode_enterprises", `state="active"`)), ""}}},
		{kind: "stat", title: "Prefixes", unit: "none", width: 6, description: "Allocated, in all schemes. 已分配前缀数。", queries: []query{{sum(metric("idnode_namespaces")), ""}}},
		{kind: "stat", title: "Resolutions in 24 hours", unit: "none", width: 6, description: "Answered over all protocols. 24 小时解析量。", queries: []query{{"sum(increase(" + metric(responses) + "[24h]))", ""}}},
		{title: "Identifiers by scheme", unit: "none", stack: true, description: "Active records. 各体系有效标识数。", queries: []query{{sum(metric("idnode_records", `status="active"`), "scheme"), "{{scheme}}"}}},
		{title: "New identifiers a day", unit: "none", description: "How active records grew in 24 hours. 24 小时新增标识。", queries: []query{{"sum by (scheme) (delta(" + metric("idnode_records", `status="active"`) + "[24h]))", "{{scheme}}"}}},
		{title: "Revoked identifiers", unit: "none", description: "Tombstones. 已撤销标识数。", queries: []query{{sum(metric("idnode_records", `status="revoked"`), "scheme"), "{{scheme}}"}}},
		{title: "Resolutions", unit: "reqps", stack: true, description: "By scheme. 各体系解析量。", queries: []query{{sumRate(responses, []string{"scheme"}), "{{scheme}}"}}},
		{title: "Found", unit: "percentunit", description: "Share of questions for which there was a record or a referral. 解析成功率。",
			queries: []query{{share(sumRate(responses, nil, `code=~"found|no_values|referral"`), sumRate(responses, nil)), "found"}}},
		{title: "Enterprises by state", unit: "none", description: "Pending ones wait for a decision. 各状态企业数。", queries: []query{{sum(metric("idnode_enterprises"), "state"), "{{state}}"}}},
		{title: "Prefixes by scheme", unit: "none", description: "Allocated. 各体系前缀数。", queries: []query{{sum(metric("idnode_namespaces"), "scheme"), "{{scheme}}"}}},
	},
}
