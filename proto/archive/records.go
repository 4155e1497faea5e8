package archive

import "time"

// RecordForm is a form in which records leave a node without what belongs to them: without history, templates, namespaces.
type RecordForm string

const (
	NDJSON RecordForm = "ndjson" // the interchange form, a record a line
	CSV    RecordForm = "csv"    // a value a line, see package recordcsv
	Handle RecordForm = "handle" // the batch text of the Handle.Net software; a client makes it of NDJSON
)

// Media types of the forms that a node writes.
const (
	MediaNDJSON = "application/x-ndjson"
	MediaCSV    = "text/csv; charset=utf-8"
)

// Headers of an answer that streams records.
const (
	HeaderTime       = "Idnode-Time"       // of the state that it shows, RFC 3339
	HeaderNode       = "Idnode-Node"       // the prefixes of the node, with ", " between them
	HeaderEnterprise = "Idnode-Enterprise" // whose records they are; missing: those of all
)

// Trailers of such an answer. Without them it was cut off.
const (
	// TrailerDigest is the SHA-256 of the content before it was packed, in the form of RFC 9530: sha-256=:base64:.
	TrailerDigest  = "Repr-Digest"
	TrailerRecords = "Idnode-Records"
	TrailerValues  = "Idnode-Values"
	TrailerRevoked = "Idnode-Revoked" // tombstones, which are left out
	TrailerSeq     = "Idnode-Seq"     // see RecordsManifest.Seq
	// TrailerContent is RecordsManifest.RecordsDigest in the form of TrailerDigest.
	TrailerContent = "Idnode-Records-Digest"
)

// RecordTrailers are the trailers above.
var RecordTrailers = []string{TrailerDigest, TrailerRecords, TrailerValues, TrailerRevoked, TrailerSeq, TrailerContent}

// RecordsManifestSuffix makes the name of a manifest of the name of its file of records.
const RecordsManifestSuffix = ".manifest.json"

// RecordsManifest says what a file of records holds, beside which it lies.
type RecordsManifest struct {
	Format     RecordForm `json:"format"`
	Version    int        `json:"version"` // of this form of manifest
	Scope      Scope      `json:"scope"`   // ScopeNode or ScopeEnterprise
	Node       []string   `json:"node"`    // prefixes of the node that made it, "handle:88.1021"
	Enterprise string     `json:"enterprise,omitempty"`
	Prefix     string     `json:"prefix,omitempty"` // what the identifiers begin with
	Scheme     string     `json:"scheme,omitempty"` // to which the identifiers were limited
	Time       time.Time  `json:"time"`             // of the state that it shows
	// Seq is a place in the change log of the node: the file shows all that was changed up to it.
	Seq     uint64 `json:"seq,string"`
	Records int64  `json:"records"`
	Values  int64  `json:"values"`
	Revoked int64  `json:"revoked"` // tombstones, which are left out
	Octets  int64  `json:"octets"`  // of the file
	SHA256  string `json:"sha256"`  // of the file, hexadecimal digits
	// RecordsDigest is the SHA-256 of the records as NDJSON, each with scheme, template and values alone, in the order of
	// schemes and canonical names, whatever the form of the file. It is the same of an export of a node into which the
	// file was imported.
	RecordsDigest string `json:"recordsDigest"`
}

// RecordsVersion is that of the form of a RecordsManifest.
const RecordsVersion = 1
