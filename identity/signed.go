package identity

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/pb"
)

// errCutOff says that bytes end too early.
var errCutOff = errors.New("it was cut off")

// sealSigned encodes a payload with its signature.
func sealSigned(payload, signature []byte) ([]byte, error) {
	return proto.Marshal(&pb.Signed{Payload: payload, Signature: signature})
}

// openSigned reads what sealSigned wrote, and nothing else: no field that
// nobody signed, no second encoding of the same statement. Otherwise whoever
// carries a statement could make endless others of it that all verify, and a
// device list would have as many versions of one version as an attacker likes.
func openSigned(raw []byte) (payload, signature []byte, err error) {
	const payloadField, signatureField = 1, 2
	rest := raw
	for _, f := range []struct {
		number protowire.Number
		to     *[]byte
	}{{payloadField, &payload}, {signatureField, &signature}} {
		number, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return nil, nil, wireError(n)
		}
		if number != f.number || kind != protowire.BytesType {
			return nil, nil, errors.New("it is not a signed statement")
		}
		b, m := protowire.ConsumeBytes(rest[n:])
		if m < 0 {
			return nil, nil, wireError(m)
		}
		*f.to, rest = b, rest[n+m:]
	}
	again := protowire.AppendTag(make([]byte, 0, len(raw)), payloadField, protowire.BytesType)
	again = protowire.AppendBytes(again, payload)
	again = protowire.AppendTag(again, signatureField, protowire.BytesType)
	again = protowire.AppendBytes(again, signature)
	if !bytes.Equal(again, raw) || len(signature) != ed25519.SignatureSize {
		return nil, nil, errors.New("it has parts that nobody signed")
	}
	return payload, signature, nil
}

func wireError(n int) error {
	if protowire.ParseError(n) == protowire.ParseError(-1) {
		return errCutOff
	}
	return protowire.ParseError(n)
}

// maxMillis is the last millisecond of the year 9999: what every format of
// time that kith writes can still say.
const maxMillis = 253_402_300_799_999

// instant reads the milliseconds since 1970 of a signed statement.
func instant(ms int64) (time.Time, error) {
	if ms < 0 || ms > maxMillis {
		return time.Time{}, fmt.Errorf("its time is out of range")
	}
	return time.UnixMilli(ms).UTC(), nil
}

// millis is the reverse of instant; what lies outside is brought to the edge.
func millis(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < 0:
		return 0
	case s > maxMillis/1000:
		return maxMillis
	}
	return min(t.UnixMilli(), maxMillis)
}

// maxVersion leaves room for a list after every list.
const maxVersion = math.MaxInt64 / 2
