package auth

// Error says why a key, an answer or a signature is not accepted. It holds nothing secret.
type Error string

func (e Error) Error() string { return "handle authentication: " + string(e) }

const (
	ErrKey        Error = "the key cannot be used"
	ErrPassphrase Error = "the private key needs another passphrase"
	ErrAnswer     Error = "the answer does not fit the challenge"
	ErrSignature  Error = "the message's signature is missing or wrong"
	ErrMAC        Error = "the message's MAC is missing or wrong"
	ErrVersion    Error = "messages of this version carry no MAC"
	ErrGroup      Error = "the Diffie-Hellman group or key cannot be used"
	ErrSealed     Error = "the message cannot be decrypted"
)
