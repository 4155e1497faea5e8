package main

const (
	apiRequests  = "idnode_registry_requests_total"
	apiDurations = "idnode_registry_request_duration_seconds"
)

// registration is the registration API, bulk jobs, webhooks and the audit log.
var registration = board{
	uid: "idnode-registry", title: "idnode / Registry and jobs 注册与任务", description: "The registration API, bulk jobs, webhooks and the audit log. 注册接口、批量任务、通知与审计。",
	panels: []panel{
		{title: "Requests by status", unit: "reqps", stack: true, description: "Requests to the registration API. 注册接口请求。",
			queries: []query{{sumRate(apiRequests, []string{"code"}), "{{code}}"}}},
		{title: "Requests by route", unit: "reqps", description: "The ten busiest routes. 最忙的十个接口。",
			queries: []query{{"topk(10, " + sumRate(apiRequests, []string{"method", "route"}) + ")", "{{method}} {{route}}"}}},
		{title: "Duration by route, p99", unit: "s", description: "Of an import the whole stream. 各接口 P99 延迟。",
			queries: []query{{"topk(10, " + quantile("0.99", apiDurations, []string{"method", "route"}) + ")", "{{method}} {{route}}"}}},
		{title: "Failures", unit: "percentunit", description: "Share of answers with a status of 5xx. 5xx 占比。",
			queries: []query{{share("("+sumRate(apiRequests, nil, `code=~"5.."`)+" or vector(0))", sumRate(apiRequests, nil)), "5xx"}}},
		{title: "Retries and conflicts", unit: "ops", description: "Requests answered as the first time, and batches that another writer overtook. 幂等重放与写冲突。",
			queries: []query{{sumRate("idnode_registry_idempotent_replays_total", nil), "replays"}, {sumRate("idnode_registry_conflicts_total", nil), "conflicts"}}},
		{title: "Refused credentials", unit: "ops", description: "By kind. 被拒绝的凭证。",
			queries: []query{{sumRate("idnode_auth_failures_total", []string{"kind"}), "{{kind}}"}}},
		{title: "Refused by quotas", unit: "ops", description: "Writes that a quota did not allow, by its kind. 超出配额的请求。",
			queries: []query{{sumRate("idnode_quota_rejected_total", []string{"kind"}), "{{kind}}"}}},
		{title: "Jobs", unit: "none", description: "Bulk jobs by state. 批量任务状态。",
			queries: []query{{sum(metric("idnode_jobs"), "state"), "{{state}}"}}},
		{title: "Rows of jobs", unit: "ops", description: "What the rows of bulk jobs came to. 批量任务行的结果。",
			queries: []query{{sumRate("idnode_job_rows_total", []string{"result"}), "{{result}}"}}},
		{title: "Oldest job", unit: "s", description: "Age of the oldest job that has not ended. 最早未结束任务的时长。",
			queries: []query{{metric("idnode_job_oldest_pending_seconds"), "{{instance}}"}}},
		{title: "Jobs that ended", unit: "none", description: "In an interval, and how many run now. 已结束与运行中的任务。",
			queries: []query{{sum("increase("+metric("idnode_job_ended_total")+window+")", "outcome"), "{{outcome}}"}, {sum(metric("idnode_job_running")), "running"}}},
		{title: "Rest before each chunk", unit: "s", description: "How long jobs give way to more urgent work. 任务让路时间。",
			queries: []query{{metric("idnode_job_rest_seconds"), "{{instance}}"}}},
		{title: "Webhook messages", unit: "ops", description: "Attempts to tell enterprises of changes. Webhook 投递。",
			queries: []query{{sumRate("idnode_webhook_messages_total", []string{"result"}), "{{result}}"}}},
		{title: "Oldest message", unit: "s", description: "How long ago the oldest change was that a receiver is still to be told. 最早未送达的变更。",
			queries: []query{{metric("idnode_webhook_oldest_pending_seconds"), "{{instance}}"}}},
		{title: "Webhooks", unit: "none", description: "By state; disabled ones have failed for too long. Webhook 数量。",
			queries: []query{{sum(metric("idnode_webhook_subscriptions"), "state"), "{{state}}"}}},
		{title: "Audit chain", unit: "s", description: "Age of the oldest batch whose audit entries are not chained yet. 审计链滞后。",
			queries: []query{{metric("idnode_audit_chain_lag_seconds"), "{{instance}}"}}},
		{title: "Audit entries", unit: "ops", description: "Chained, removed after their time, and missing: then somebody has been at the store. 审计条目。",
			queries: []query{{sumRate("idnode_audit_chain_entries_total", nil), "chained"}, {sumRate("idnode_audit_removed_entries_total", nil), "removed"}, {sumRate("idnode_audit_chain_missing_total", nil), "missing"}}},
		{title: "Statistics behind", unit: "s", description: "Age of the oldest registration that is not in the statistics yet. 统计滞后。",
			queries: []query{{metric("idnode_statistics_lag_seconds"), "{{instance}}"}}},
	},
}
