package main

// caches are those of records and of finished answers.
var caches = board{
	uid: "idnode-caches", title: "idnode / Caches 缓存", description: "The caches of records (l1) and of finished answers. 记录缓存与应答缓存。",
	panels: []panel{
		{kind: "stat", title: "Records from the cache", unit: "percentunit", width: 8, limits: []string{"-0.9", "-0.5"}, description: "Share of records that no disk was asked for. 记录查询由缓存应答的占比。",
			queries: []query{{share(sumRate(responses, nil, `source=~"l1|l2"`), sumRate(responses, nil, `source=~"l1|l2|store|upstream"`)), ""}}},
		{kind: "stat", title: "Octets of records", unit: "bytes", width: 8, description: "What the cache of records takes. 记录缓存占用。", queries: []query{{sum(metric("idnode_cache_bytes")), ""}}},
		{kind: "stat", title: "Octets of answers", unit: "bytes", width: 8, description: "What the cache of finished answers takes. 应答缓存占用。", queries: []query{{sum(metric("idnode_answer_cache_bytes")), ""}}},
		{title: "Records: hits and misses", unit: "ops", stack: true, description: "negative: that an identifier does not exist. 记录缓存命中与未命中。",
			queries: []query{{sumRate("idnode_cache_hits_total", []string{"layer", "kind"}), "{{layer}} {{kind}} hit"}, {sumRate("idnode_cache_misses_total", []string{"layer"}), "{{layer}} miss"}}},
		{title: "Answers: hits and misses", unit: "ops", stack: true, description: "Finished answers, sent again as they are. 应答缓存命中与未命中。",
			queries: []query{{sumRate("idnode_answer_cache_hits_total", nil), "hit"}, {sumRate("idnode_answer_cache_misses_total", nil), "miss"}}},
		{title: "Entries", unit: "none", description: "What the caches hold. 缓存条目数。",
			queries: []query{{sum(metric("idnode_cache_entries"), "layer", "kind"), "{{layer}} {{kind}}"}, {sum(metric("idnode_answer_cache_entries")), "answers"}}},
		{title: "Evictions", unit: "ops", description: "Entries that went to make room. 淘汰速率。",
			queries: []query{{sumRate("idnode_cache_evictions_total", []string{"layer"}), "{{layer}}"}, {sumRate("idnode_answer_cache_evictions_total", nil), "answers"}}},
		{title: "Overtaken by changes", unit: "ops", description: "Fills dropped, and answers found out of date, because a record was changed meanwhile. 因变更而作废的条目。",
			queries: []query{{sumRate("idnode_cache_stale_fills_total", []string{"layer"}), "{{layer}} fills"}, {sumRate("idnode_answer_cache_stale_total", nil), "answers"}}},
		{title: "Redis", unit: "none", description: "1: the cache that nodes share is of use; nodes without one have no curve. 共享缓存是否可用。",
			queries: []query{{metric("idnode_redis_up"), "{{instance}}"}}},
		{title: "Operations on Redis, p99", unit: "s", description: "How long they were waited for. Redis 操作 P99 延迟。",
			queries: []query{{quantile("0.99", "idnode_redis_op_duration_seconds", []string{"op"}), "{{op}}"}}},
		{title: "Failures of Redis", unit: "ops", description: "By kind; a failure costs a hit, not an answer. Redis 操作失败。",
			queries: []query{{sumRate("idnode_redis_errors_total", []string{"kind"}), "{{kind}}"}}},
		{title: "Negative answers", unit: "percentunit", description: "Share of hits that say there is no such identifier. 命中中不存在标识的占比。",
			queries: []query{{share(sumRate("idnode_cache_hits_total", nil, `kind="negative"`), sumRate("idnode_cache_hits_total", nil)), "negative"}}},
	},
}
