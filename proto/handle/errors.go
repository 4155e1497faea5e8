package handle

// Error says why octets are no message. It holds nothing of the message.
type Error string

func (e Error) Error() string { return "handle message: " + string(e) }

const (
	ErrShort    Error = "ends early"
	ErrLength   Error = "a length reaches beyond the end"
	ErrCount    Error = "a count exceeds what is left"
	ErrTooLarge Error = "longer than 262144 octets"
	ErrBody     Error = "the body has a field that cannot be"
	ErrTemplate Error = "a template of a namespace cannot be evaluated"
	ErrPiece    Error = "a piece does not fit its message"
)
