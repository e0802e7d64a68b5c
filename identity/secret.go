package identity

// SecretSize is the length of a discovery secret in bytes, TokenSize that of
// an invite's token.
const (
	SecretSize = 32
	TokenSize  = 16
)
