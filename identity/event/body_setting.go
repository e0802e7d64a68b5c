package event

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/event/pb"
)

// The limits of a Setting, in bytes.
const (
	MaxSettingName  = 160
	MaxSettingValue = 32 << 10
)

// Setting gives one name a value among an account's own devices: a contact, a
// joined group, a read position. It means something in the self conversation
// alone; of several with one name the last in order holds, and an empty value
// takes the name away.
type Setting struct {
	Name  string // printable ASCII without spaces
	Value []byte
}

// Kind returns KindSetting.
func (Setting) Kind() Kind { return KindSetting }

func (b Setting) encode() ([]byte, error) {
	return proto.Marshal(&pb.Setting{Name: b.Name, Value: b.Value})
}

func decodeSetting(raw []byte) (Body, error) {
	var m pb.Setting
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	name := m.GetName()
	if name == "" || len(name) > MaxSettingName {
		return nil, fmt.Errorf("the name has %d bytes, not 1 to %d", len(name), MaxSettingName)
	}
	for i := range len(name) {
		if name[i] <= ' ' || name[i] > '~' {
			return nil, fmt.Errorf("the name has the byte %#x", name[i])
		}
	}
	if len(m.GetValue()) > MaxSettingValue {
		return nil, fmt.Errorf("the value has %d bytes, more than %d", len(m.GetValue()), MaxSettingValue)
	}
	return Setting{Name: name, Value: m.GetValue()}, nil
}
