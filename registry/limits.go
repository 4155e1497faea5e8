package registry

import "cmp"

// Limits bounds what is accepted. A zero field means its default; [Registrar.Limits] has them
// filled in, as served at /v1/limits.
type Limits struct {
	// IdentifierOctets is the longest identifier (default and most 2048, the Handle protocol's limit;
	// 255 under 88. and 86. whatever is set here).
	IdentifierOctets int `json:"identifierOctets"`
	// ValuesPerRecord is the most values of a record (default 2048, as the Handle.Net server has it).
	ValuesPerRecord int `json:"valuesPerRecord"`
	// ValueOctets is the most octets of a value's data (default 1048576, the Handle protocol's limit for
	// one byte array). RecordOctets binds earlier unless it is raised.
	ValueOctets int `json:"valueOctets"`
	// RecordOctets is the most octets of a record's values as the Handle protocol writes them (default
	// 256000: with header, identifier and signature that fits a message of 262144, which is the most
	// a Handle client reads). A node that serves no Handle clients may raise it.
	RecordOctets int `json:"recordOctets"`
	// TypeOctets is the longest value type (default 255).
	TypeOctets int `json:"typeOctets"`
	// RefsPerValue is the most references of a value (default 256).
	RefsPerValue int `json:"refsPerValue"`
	// ReasonOctets is the longest reason or other free text (default 1024).
	ReasonOctets int `json:"reasonOctets"`
	// BodyOctets is the largest request body, imports excepted (default 8388608).
	BodyOctets int `json:"bodyOctets"`
	// LineOctets is the longest line of an import after decompression (default 2097152).
	LineOctets int `json:"lineOctets"`
	// BatchRows is the most rows of a batch (default 1000).
	BatchRows int `json:"batchRows"`
	// AtomicRows is the most rows of an atomic job (default 10000).
	AtomicRows int `json:"atomicRows"`
	// JobsPerEnterprise is the most bulk jobs of an enterprise that wait or are under way (default 20).
	JobsPerEnterprise int `json:"jobsPerEnterprise"`
	// JobRowsPerDay is the most rows of an enterprise's jobs a day (default 100000000; below 0: no bound). The node's own
	// enterprise has none.
	JobRowsPerDay int `json:"jobRowsPerDay"`
	// JobOctets is the largest input of a bulk job, after decompression (default 8589934592).
	JobOctets int64 `json:"jobOctets"`
	// PageRows is the most items of a page (default 1000); DefaultPageRows if none is asked for (default 100).
	PageRows        int `json:"pageRows"`
	DefaultPageRows int `json:"defaultPageRows"`
	// PrefixesPerEnterprise is the most namespaces that an enterprise may hold, withdrawn ones left out (default
	// 0: no bound). The node's own enterprise has none.
	PrefixesPerEnterprise int `json:"prefixesPerEnterprise"`
	// UDPBytesPerSecond and UDPBurstBytes are what a network (IPv4 /24, IPv6 /56) is sent over Handle UDP
	// beyond what it sent itself (defaults 65536 and 262144). They stand here to be told; the Handle
	// server keeps them.
	UDPBytesPerSecond int `json:"udpBytesPerSecond"`
	UDPBurstBytes     int `json:"udpBurstBytes"`
	// FileOctets is the largest file, ImageOctets the largest PNG, JPEG or BMP (defaults 5242880 and 1048576, as
	// the national docking agreement takes them).
	FileOctets  int `json:"fileOctets"`
	ImageOctets int `json:"imageOctets"`
	// FilesPerEnterprise is the most files of an enterprise, FileOctetsPerEnterprise what they take together
	// (defaults 200 and 209715200).
	FilesPerEnterprise      int `json:"filesPerEnterprise"`
	FileOctetsPerEnterprise int `json:"fileOctetsPerEnterprise"`
	// IdempotencyKeyOctets is the longest Idempotency-Key (default 255).
	IdempotencyKeyOctets int `json:"idempotencyKeyOctets"`
	// IdempotencyHours is how long a first answer is kept at least (24; not adjustable: the store's
	// day buckets give it).
	IdempotencyHours int `json:"idempotencyHours"`
}

func (l Limits) withDefaults() Limits {
	l.IdentifierOctets = min(cmp.Or(l.IdentifierOctets, 2048), 2048)
	l.ValuesPerRecord = cmp.Or(l.ValuesPerRecord, 2048)
	l.ValueOctets = cmp.Or(l.ValueOctets, 1<<20)
	l.RecordOctets = cmp.Or(l.RecordOctets, 256000)
	l.TypeOctets = cmp.Or(l.TypeOctets, 255)
	l.RefsPerValue = cmp.Or(l.RefsPerValue, 256)
	l.ReasonOctets = cmp.Or(l.ReasonOctets, 1024)
	l.BodyOctets = cmp.Or(l.BodyOctets, 8<<20)
	l.LineOctets = cmp.Or(l.LineOctets, 2<<20)
	l.BatchRows = cmp.Or(l.BatchRows, 1000)
	l.AtomicRows = cmp.Or(l.AtomicRows, 10_000)
	l.JobsPerEnterprise = cmp.Or(l.JobsPerEnterprise, 20)
	l.JobRowsPerDay = cmp.Or(l.JobRowsPerDay, 100_000_000)
	l.JobOctets = cmp.Or(l.JobOctets, 8<<30)
	l.PageRows = cmp.Or(l.PageRows, 1000)
	l.DefaultPageRows = cmp.Or(l.DefaultPageRows, 100)
	l.UDPBytesPerSecond = cmp.Or(l.UDPBytesPerSecond, 64<<10)
	l.UDPBurstBytes = cmp.Or(l.UDPBurstBytes, 256<<10)
	l.FileOctets = cmp.Or(l.FileOctets, 5<<20)
	l.ImageOctets = cmp.Or(l.ImageOctets, 1<<20)
	l.FilesPerEnterprise = cmp.Or(l.FilesPerEnterprise, 200)
	l.FileOctetsPerEnterprise = cmp.Or(l.FileOctetsPerEnterprise, 200<<20)
	l.IdempotencyKeyOctets = cmp.Or(l.IdempotencyKeyOctets, 255)
	l.IdempotencyHours = 24
	return l
}
