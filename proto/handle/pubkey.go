package handle

// KeyAlgorithm names the kind of a public key in HS_PUBKEY data.
type KeyAlgorithm string

const (
	KeyRSA KeyAlgorithm = "RSA_PUB_KEY"
	KeyDSA KeyAlgorithm = "DSA_PUB_KEY"
	KeyDH  KeyAlgorithm = "DH_PUB_KEY"
	KeySM2 KeyAlgorithm = "SM2_PUB_KEY" // of the Teleinfo idpointer SDK
)

// PublicKey is the data of an HS_PUBKEY value. The numbers are big-endian views into what was
// parsed, with or without a leading zero; those that the algorithm has not are nil.
type PublicKey struct {
	Algorithm  KeyAlgorithm
	N, E       []byte // RSA
	Q, P, G, Y []byte // DSA; DH has no Q
	Encoded    []byte // SM2: SubjectPublicKeyInfo, as PEM text or DER (section 14)
}

// ParsePublicKey reads the data of an HS_PUBKEY value in the Handle form (spec/handle-protocol.md
// section 9). Octets behind the last number are ignored: the reference server writes four.
func ParsePublicKey(src []byte) (PublicKey, error) {
	c := cursor{b: src}
	k := PublicKey{Algorithm: KeyAlgorithm(c.bytes())}
	c.int2() // flags, unused
	switch k.Algorithm {
	case KeyRSA:
		k.E, k.N = c.bytes(), c.bytes()
	case KeyDSA:
		k.Q, k.P, k.G, k.Y = c.bytes(), c.bytes(), c.bytes(), c.bytes()
	case KeyDH:
		k.Y, k.P, k.G = c.bytes(), c.bytes(), c.bytes()
	case KeySM2:
		k.Encoded = c.bytes()
	default:
		return PublicKey{}, ErrBody
	}
	if c.err != nil {
		return PublicKey{}, c.err
	}
	return k, nil
}

// AppendPublicKey appends k as the reference server writes it: numbers with a leading zero where the
// first bit is set, and four zero octets at the end of an RSA key.
func AppendPublicKey(dst []byte, k PublicKey) []byte {
	dst = AppendBytes(dst, string(k.Algorithm))
	dst = appendInt2(dst, 0)
	switch k.Algorithm {
	case KeyRSA:
		dst = appendNumbers(dst, k.E, k.N)
		return appendInt4(dst, 0)
	case KeyDSA:
		return appendNumbers(dst, k.Q, k.P, k.G, k.Y)
	case KeySM2:
		return AppendBytes(dst, k.Encoded)
	}
	return appendNumbers(dst, k.Y, k.P, k.G)
}

// appendNumbers appends positive integers in two's complement, as Java's BigInteger writes them.
func appendNumbers(dst []byte, numbers ...[]byte) []byte {
	for _, n := range numbers {
		if len(n) > 0 && n[0]&0x80 != 0 {
			dst = appendInt4(dst, uint32(len(n)+1))
			dst = append(dst, 0)
			dst = append(dst, n...)
			continue
		}
		dst = AppendBytes(dst, n)
	}
	return dst
}
