package identity

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kith-chat/kith/identity/pb"
)

// Limits of a device list.
const (
	MaxDevices    = 16
	MaxDeviceList = 8 << 10 // bytes of an encoded list
)

// ErrDeviceList says that bytes are not a device list that holds.
var ErrDeviceList = errors.New("not a valid device list")

// ListedDevice is one device in force.
type ListedDevice struct {
	Device DeviceID
	Name   string
	Added  time.Time
}

// DeviceList is the account's signed statement of all its devices. The highest
// version wins; a device that is not on it is revoked. Versions are the
// milliseconds since 1970 at which the list was made, or one more than the
// version before if that is higher: so a list that is made after a restore,
// when the old ones are lost, is still the newest.
type DeviceList struct {
	Account AccountID
	Version uint64
	Issued  time.Time
	Devices []ListedDevice

	raw []byte
}

// SignDeviceList makes a list that follows the version before (0 for none).
func SignDeviceList(account AccountKey, before uint64, devices []ListedDevice, now time.Time) (DeviceList, error) {
	id := account.ID()
	body := &pb.DeviceListBody{
		Account: id[:], Version: max(uint64(max(now.UnixMilli(), 1)), before+1), IssuedMs: now.UnixMilli(),
	}
	for _, d := range devices {
		body.Devices = append(body.Devices, &pb.ListedDevice{Device: d.Device[:], Name: CleanName(d.Name), AddedMs: d.Added.UnixMilli()})
	}
	payload, err := proto.Marshal(body)
	if err != nil {
		return DeviceList{}, fmt.Errorf("encoding the device list: %w", err)
	}
	raw, err := proto.Marshal(&pb.Signed{Payload: payload, Signature: account.Sign(DomainDeviceList, payload)})
	if err != nil {
		return DeviceList{}, fmt.Errorf("encoding the device list: %w", err)
	}
	return ParseDeviceList(raw)
}

// ParseDeviceList reads a list and verifies the account's signature.
func ParseDeviceList(raw []byte) (DeviceList, error) {
	if len(raw) == 0 || len(raw) > MaxDeviceList {
		return DeviceList{}, fmt.Errorf("%w: it has %d bytes", ErrDeviceList, len(raw))
	}
	var signed pb.Signed
	var body pb.DeviceListBody
	if err := errors.Join(proto.Unmarshal(raw, &signed), proto.Unmarshal(signed.GetPayload(), &body)); err != nil {
		return DeviceList{}, fmt.Errorf("%w: %w", ErrDeviceList, err)
	}
	account, err := AccountFromBytes(body.GetAccount())
	if err != nil {
		return DeviceList{}, fmt.Errorf("%w: %w", ErrDeviceList, err)
	}
	if err := DomainDeviceList.Verify(account, signed.GetPayload(), signed.GetSignature()); err != nil {
		return DeviceList{}, fmt.Errorf("%w: %w", ErrDeviceList, err)
	}
	if n := len(body.GetDevices()); n == 0 || n > MaxDevices || body.GetVersion() == 0 {
		return DeviceList{}, fmt.Errorf("%w: it has %d devices", ErrDeviceList, n)
	}
	l := DeviceList{
		Account: account, Version: body.GetVersion(), Issued: time.UnixMilli(body.GetIssuedMs()).UTC(),
		raw: append([]byte(nil), raw...),
	}
	for _, d := range body.GetDevices() {
		id, err := ParseDeviceKey(d.GetDevice())
		if err != nil || l.Contains(id) {
			return DeviceList{}, fmt.Errorf("%w: a device's key is wrong or there twice", ErrDeviceList)
		}
		l.Devices = append(l.Devices, ListedDevice{id, CleanName(d.GetName()), time.UnixMilli(d.GetAddedMs()).UTC()})
	}
	return l, nil
}

// Bytes returns the encoded list; the caller must not change it.
func (l DeviceList) Bytes() []byte { return l.raw }

// Contains reports whether a device is in force.
func (l DeviceList) Contains(d DeviceID) bool {
	for _, x := range l.Devices {
		if x.Device == d {
			return true
		}
	}
	return false
}

// Supersedes reports whether l replaces old: the same account and a higher
// version. Of two different lists with one version everybody chooses the one
// whose bytes are greater.
func (l DeviceList) Supersedes(old DeviceList) bool {
	if l.Account != old.Account {
		return false
	}
	return l.Version > old.Version || l.Version == old.Version && bytes.Compare(l.raw, old.raw) > 0
}
