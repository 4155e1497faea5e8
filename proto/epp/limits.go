package epp

// Limits of messages.
const (
	MaxMessage = 4 << 20 // octets of XML: two images, and what belongs to them
	MaxImage   = 1 << 20 // octets of an image, before base64

	maxDepth    = 16      // elements within elements; the mappings need 7
	maxElements = 512     // of one message; an enterprise has 27
	maxTag      = 4 << 10 // octets between "<" and ">"
	maxList     = 64      // elements of one name where several may stand
)
