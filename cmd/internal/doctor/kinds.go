package doctor

// kind is what a finding says, with the verbs of fmt for its arguments in the same order in both languages, and what helps.
type kind struct {
	what, fix     string
	whatZH, fixZH string
}

// kinds are all findings. Codes are told to programs and never change.
var kinds = map[string]kind{
	"config_ok": {"the configuration is valid", "", "配置有效", ""},
	"config_invalid": {"configuration: %v: the node does not start with it", "Correct the file or the variable; idnode config print shows what is in force.",
		"配置：%v：节点无法以此启动", "请修改配置文件或环境变量；idnode config print 显示生效的配置。"},
	"config_unknown_variable": {"the environment has %s, which is no setting: it has no effect", "Check the spelling; idnode config print lists all settings.",
		"环境变量 %s 不是配置项：不起作用", "请检查拼写；idnode config print 列出全部配置项。"},

	"node_running": {"a node is running on this data directory", "", "节点正在该数据目录上运行", ""},
	"node_stopped": {"no node is running on this data directory", "", "该数据目录上没有运行中的节点", ""},
	"node_not_ready": {"the running node is not ready: %s: it gets no requests from load balancers", "See its log; if the store has failed, free the disk and restart the node.",
		"运行中的节点未就绪：%s：负载均衡不会转发请求", "请查看日志；如果存储失败，请清理磁盘并重启节点。"},
	"node_silent": {"a node is running on this data directory, but %s does not answer: %v", "Look whether it runs with this configuration (admin.listen); if so, see its log and restart it.",
		"该数据目录上有运行中的节点，但 %s 没有应答：%v", "请确认它使用的是这份配置（admin.listen）；若是，请查看日志并重启。"},

	"port_free":  {"%s %s is free", "", "%s %s 可用", ""},
	"port_bound": {"%s %s is bound by the running node", "", "%s %s 由运行中的节点占用", ""},
	"port_taken": {"%s %s is taken by another program: the node cannot start", "Find it with ss -lntup and stop it, or choose another port.",
		"%s %s 被其他程序占用：节点无法启动", "请用 ss -lntup 找到并停止该程序，或更换端口。"},
	"port_privileged": {"%s %s needs a privilege that this user does not have", "Run the node by its systemd unit, which has CAP_NET_BIND_SERVICE, or lower net.ipv4.ip_unprivileged_port_start.",
		"%s %s 需要当前用户没有的权限", "请用带 CAP_NET_BIND_SERVICE 的 systemd 单元运行，或调低 net.ipv4.ip_unprivileged_port_start。"},
	"port_unusable": {"%s %s cannot be bound: %v", "Name an address that this machine has, or 0.0.0.0.",
		"%s %s 无法绑定：%v", "请填写本机拥有的地址，或 0.0.0.0。"},
	"admin_public": {"admin.listen %s can be reached from other machines: profiles and metrics are told to everybody who asks", "Bind it to 127.0.0.1, or let a firewall keep others out.",
		"admin.listen %s 可从其他机器访问：任何人都能读取指标和性能数据", "请绑定到 127.0.0.1，或用防火墙限制访问。"},

	"udp_buffer_ok": {"UDP sockets hold %d octets until they are read", "", "UDP 套接字可缓冲 %d 字节", ""},
	"udp_buffer_small": {"UDP sockets hold %d octets until they are read, %d are wanted: queries are dropped in bursts", "sysctl -w net.core.rmem_max=4194304, and the same in /etc/sysctl.d/ to keep it.",
		"UDP 套接字只能缓冲 %d 字节，需要 %d：突发流量时会丢失查询", "执行 sysctl -w net.core.rmem_max=4194304，并写入 /etc/sysctl.d/ 以保持。"},
	"udp_dropped": {"the system has dropped %d UDP datagrams since it started, because a socket's buffer was full", "Raise net.core.rmem_max, then see whether idnode_udp_socket_rcvbuf_errors_total grows; if it does, the node needs more processors.",
		"系统启动以来因套接字缓冲区已满丢弃了 %d 个 UDP 报文", "请调大 net.core.rmem_max，并观察 idnode_udp_socket_rcvbuf_errors_total 是否增长；若增长，节点需要更多处理器。"},

	"files_ok": {"%d files and connections may be open, %d are wanted", "", "可打开 %d 个文件和连接，需要 %d", ""},
	"files_low": {"%d files and connections may be open, %d are wanted: under load connections are refused, and the store may fail", "LimitNOFILE=1000000 in the unit, or ulimit -n before the start.",
		"只能打开 %d 个文件和连接，需要 %d：负载高时会拒绝连接，存储也可能出错", "请在 systemd 单元中设置 LimitNOFILE=1000000，或在启动前执行 ulimit -n。"},
	"memory_ok": {"the machine has %d octets of memory, the node wants up to %d", "", "本机内存 %d 字节，节点最多使用 %d", ""},
	"memory_small": {"the machine has %d octets of memory, the node wants up to %d: the system may end it", "Lower store.cache_bytes and cache.bytes, or give it more memory.",
		"本机内存 %d 字节，节点最多使用 %d：可能被系统终止", "请调小 store.cache_bytes 和 cache.bytes，或增加内存。"},

	"clock_ok": {"the clock is synchronized; it is off by %v at most by what the system says", "", "时钟已同步；系统估计的误差不超过 %v", ""},
	"clock_unsynchronized": {"the system does not synchronize the clock: time stamps of records, audit log and reports drift away", "Run chrony or systemd-timesyncd (timedatectl set-ntp true); in a container, on its host.",
		"系统没有同步时钟：记录、审计日志和上报的时间会逐渐偏离", "请运行 chrony 或 systemd-timesyncd（timedatectl set-ntp true）；容器则在其宿主机上运行。"},
	"clock_unknown": {"whether the clock is synchronized cannot be told: %v", "Look on the host, with timedatectl.",
		"无法得知时钟是否同步：%v", "请在宿主机上用 timedatectl 查看。"},
	"clock_server_ok": {"the clock is off by %v from %s", "", "时钟与 %[2]s 相差 %[1]v", ""},
	"clock_off": {"the clock is off by %v from %s: signed requests to and from others are refused, and records have wrong times", "Set it (chronyc makestep) while the node is stopped, and keep it synchronized.",
		"时钟与 %[2]s 相差 %[1]v：与他方的签名请求会被拒绝，记录的时间有误", "请在停止节点后校准（chronyc makestep），并保持同步。"},
	"clock_server_silent": {"the time server %s does not answer: %v", "Check its name, and that UDP port 123 is let through.",
		"时间服务器 %s 没有应答：%v", "请检查名称，以及 UDP 123 端口是否放行。"},
	"clock_jumped": {"the clock was set by %v while this was looking: what is ordered by time may come out of order", "Let chrony slew the clock in place of stepping it (makestep only at the start).",
		"检查期间时钟被调整了 %v：按时间排序的内容可能乱序", "请让 chrony 渐进校时而不是跳变（仅在启动时 makestep）。"},
	"clock_behind": {"%s was changed %v in the future: the clock has gone back since", "Correct the clock before the node starts: new records would have times before old ones.",
		"%s 的修改时间在未来 %v：时钟曾经回拨", "请在启动节点前校正时钟：否则新记录的时间会早于旧记录。"},

	"data_ok":   {"the data directory %s: %d octets are free", "", "数据目录 %s：可用 %d 字节", ""},
	"data_new":  {"the data directory %s is not there yet; a node would make it", "", "数据目录 %s 尚不存在；节点启动时会创建", ""},
	"data_full": {"the data directory %s: %d octets are free, writes need %d: registrations are refused", "Free room or enlarge the disk; remove what is not the node's.", "数据目录 %s：可用 %d 字节，写入需要 %d：注册会被拒绝", "请清理或扩容磁盘。"},
	"data_low": {"the data directory %s: %d octets are free of %d", "Plan for a larger disk; query_log.max_bytes and store.changelog_retention bound what is kept.",
		"数据目录 %s：可用 %d 字节，共 %d", "请规划扩容；query_log.max_bytes 和 store.changelog_retention 限制保存量。"},
	"data_unusable": {"the data directory %s cannot be used: %v", "Make it the node's user's: chown -R idnode, chmod 0700.",
		"数据目录 %s 无法使用：%v", "请把它交给运行节点的用户：chown -R idnode，chmod 0700。"},
	"data_open": {"%s can be read by others (mode %v): it is secret", "chmod go= on it.",
		"%s 可被其他用户读取（权限 %v）：其内容是机密", "请执行 chmod go=。"},
	"data_volatile": {"the data directory %s is on a file system in memory: everything is lost when the machine stops", "Put it on a disk.",
		"数据目录 %s 位于内存文件系统：关机后全部丢失", "请放到磁盘上。"},
	"data_network": {"the data directory %s is on a network file system (%s): locks and syncs cannot be relied upon, and lookups wait for the network", "Put it on a local disk, and follow it with idnode standby.",
		"数据目录 %s 位于网络文件系统（%s）：锁和落盘不可靠，解析要等待网络", "请放到本地磁盘，并用 idnode standby 做热备。"},
	"data_unfinished": {"the data directory %s holds a restore that has not finished: the node does not start", "Run idnode restore again.",
		"数据目录 %s 中的恢复尚未完成：节点不会启动", "请再次运行 idnode restore。"},

	"fsync_ok": {"the disk syncs 4 KiB in %v (median), %v (p99)", "", "磁盘同步 4 KiB：中位数 %v，p99 %v", ""},
	"fsync_slow": {"the disk syncs 4 KiB in %v (median), %v (p99): each registration waits for that", "Use a disk with power-loss protection that nobody else writes to; look for errors with dmesg and smartctl.",
		"磁盘同步 4 KiB：中位数 %v，p99 %v：每次注册都要等待", "请使用带掉电保护的独占磁盘；用 dmesg 和 smartctl 查看错误。"},

	"certificate_ok": {"the certificate %s (%s) is valid until %s", "", "证书 %s（%s）有效期至 %s", ""},
	"certificate_expires": {"the certificate %s (%s) expires on %s, in %d days", "Renew it; the node reads files again when they change.",
		"证书 %s（%s）将于 %s 到期，还有 %d 天", "请续期；文件更新后节点会自动重新读取。"},
	"certificate_expired": {"the certificate %s (%s) has expired on %s: connections with it are refused", "Renew it; the node reads files again when they change.",
		"证书 %s（%s）已于 %s 到期：使用它的连接会被拒绝", "请续期；文件更新后节点会自动重新读取。"},
	"certificate_early": {"the certificate %s (%s) is valid only from %s", "Check the clock; else wait, or use another one.",
		"证书 %s（%s）自 %s 起才有效", "请检查时钟；否则请等待或更换证书。"},
	"certificate_unreadable": {"the certificate %s (%s) cannot be read: %v", "Put a PEM file there that the node's user may read.",
		"证书 %s（%s）无法读取：%v", "请放置运行节点的用户可读的 PEM 文件。"},

	"redis_ok": {"Redis at %s answers in %v", "", "Redis %s 应答用时 %v", ""},
	"redis_slow": {"Redis at %s answers in %v: a lookup there costs more than it saves", "Put it near the node, and look at its slow log.",
		"Redis %s 应答用时 %v：查询缓存得不偿失", "请放在节点附近，并查看其慢日志。"},
	"redis_refuses": {"Redis at %s refuses: %s: the node goes on without it", "Give its password, or allow the node.",
		"Redis %s 拒绝访问：%s：节点在没有它的情况下运行", "请提供密码，或允许节点访问。"},
	"redis_unreachable": {"Redis at %s cannot be reached: %v: the node goes on without it", "Start it, and check the address and the firewall.",
		"Redis %s 无法连接：%v：节点在没有它的情况下运行", "请启动它，并检查地址和防火墙。"},

	"target_ok": {"sync.targets %s: %s is reachable, in %v", "", "sync.targets %s：%s 可达，用时 %v", ""},
	"target_unreachable": {"sync.targets %s: %s cannot be reached: %v: reports wait", "Check the address, the firewall and whether the top-level node lets this address in; idctl sync status shows what waits.",
		"sync.targets %s：%s 无法连接：%v：上报在等待", "请检查地址、防火墙，以及顶级节点是否允许本机地址；idctl sync status 显示等待的内容。"},
	"target_untrusted": {"sync.targets %s: the connection to %s is not secure: %v: reports wait", "Give ca_file, cert_file and key_file as the top-level node has handed them out, and check the clock.",
		"sync.targets %s：到 %s 的安全连接失败：%v：上报在等待", "请按顶级节点发放的文件设置 ca_file、cert_file 和 key_file，并检查时钟。"},
	"target_invalid": {"sync.targets %s: %q is no address", "Write it as https://top.example/sync, epp://top.example:700 or handle://top.example:2641.",
		"sync.targets %s：%q 不是地址", "请写成 https://top.example/sync、epp://top.example:700 或 handle://top.example:2641。"},

	"backup_ok": {"the newest backup is of %s", "", "最新的备份是 %s", ""},
	"backup_old": {"the newest backup is of %s, which is more than 26 hours ago", "Look why idnode backup does not run, or fails.",
		"最新的备份是 %s，超过 26 小时", "请查看 idnode backup 为何没有运行或失败。"},
	"backup_none": {"no backup has ever been made of this node", "Run idnode backup every day, to another machine or disk.",
		"该节点从未备份", "请每天运行 idnode backup，备份到其他机器或磁盘。"},
}
