package main

// topLevel is what is reported to top-level nodes.
var topLevel = board{
	uid: "idnode-sync", title: "idnode / Top-level sync 上级同步", description: "Reports to the top-level nodes; without sync.enabled there is nothing to see. 向上级节点的数据上报。",
	panels: []panel{
		{title: "Lag", unit: "s", description: "Age of the oldest row that a target has not acknowledged. 最早未确认行的时长。",
			queries: []query{{metric("idnode_sync_lag_seconds"), "{{target}} {{table}}"}}},
		{title: "Rows that wait", unit: "none", description: "Rows that may leave and are not acknowledged. 待上报行数。",
			queries: []query{{metric("idnode_sync_lag_rows"), "{{target}} {{table}}"}}},
		{title: "Rows acknowledged", unit: "ops", stack: true, description: "By table. 已确认的行。",
			queries: []query{{sumRate("idnode_sync_rows_total", []string{"target", "table"}, `result="acknowledged"`), "{{target}} {{table}}"}}},
		{title: "Rows refused", unit: "none", description: "By the target, or before by our own check, in an interval. 被拒收的行。",
			queries: []query{{sum("increase("+metric("idnode_sync_rows_total", `result="refused"`)+window+")", "target", "table"), "{{target}} {{table}}"}}},
		{title: "Pushes", unit: "ops", description: "By result. 上报次数。",
			queries: []query{{sumRate("idnode_sync_pushes_total", []string{"target", "result"}), "{{target}} {{result}}"}}},
		{title: "Since the last success", unit: "s", description: "How long ago a target last took rows of a table. 距上次成功上报的时间。",
			queries: []query{{"time() - (" + metric("idnode_sync_last_success_timestamp_seconds") + " > 0)", "{{target}} {{table}}"}}},
		{title: "Targets that all tables wait for", unit: "none", description: "1: the target has failed too often. 熔断状态。",
			queries: []query{{metric("idnode_sync_breaker_open"), "{{target}}"}}},
		{title: "Paused", unit: "none", description: "1: an operator has paused the table. 已暂停的表。",
			queries: []query{{metric("idnode_sync_paused"), "{{target}} {{table}}"}}},
		{title: "Gathering behind", unit: "s", description: "Age of the oldest change that has not been looked through. 变更收集滞后。",
			queries: []query{{metric("idnode_sync_gather_lag_seconds"), "{{instance}}"}}},
	},
}
