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
	if before >= maxVersion {
		return DeviceList{}, fmt.Errorf("%w: there is no version after %d", ErrDeviceList, before)
	}
	id := account.ID()
	body := &pb.DeviceListBody{
		Account: id[:], Version: max(uint64(millis(now)), before+1), IssuedMs: millis(now),
	}
	for _, d := range devices {
		body.Devices = append(body.Devices, &pb.ListedDevice{Device: d.Device[:], Name: CleanName(d.Name), AddedMs: millis(d.Added)})
	}
	payload, err := proto.Marshal(body)
	if err != nil {
		return DeviceList{}, fmt.Errorf("encoding the device list: %w", err)
	}
	raw, err := sealSigned(payload, account.Sign(DomainDeviceList, payload))
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
	l, err := parseDeviceList(raw)
	if err != nil {
		return DeviceList{}, fmt.Errorf("%w: %w", ErrDeviceList, err)
	}
	return l, nil
}

func parseDeviceList(raw []byte) (DeviceList, error) {
	payload, signature, err := openSigned(raw)
	if err != nil {
		return DeviceList{}, err
	}
	var body pb.DeviceListBody
	if err := proto.Unmarshal(payload, &body); err != nil {
		return DeviceList{}, err
	}
	account, err := AccountFromBytes(body.GetAccount())
	if err != nil {
		return DeviceList{}, err
	}
	if err := DomainDeviceList.Verify(account, payload, signature); err != nil {
		return DeviceList{}, err
	}
	if n := len(body.GetDevices()); n == 0 || n > MaxDevices {
		return DeviceList{}, fmt.Errorf("it has %d devices, not 1 to %d", n, MaxDevices)
	}
	if v := body.GetVersion(); v == 0 || v > maxVersion {
		return DeviceList{}, errors.New("its version is out of range")
	}
	l := DeviceList{Account: account, Version: body.GetVersion(), raw: bytes.Clone(raw)}
	if l.Issued, err = instant(body.GetIssuedMs()); err != nil {
		return DeviceList{}, err
	}
	for _, d := range body.GetDevices() {
		id, err := ParseDeviceKey(d.GetDevice())
		if err != nil {
			return DeviceList{}, err
		}
		if l.Contains(id) {
			return DeviceList{}, errors.New("a device is there twice")
		}
		added, err := instant(d.GetAddedMs())
		if err != nil {
			return DeviceList{}, err
		}
		l.Devices = append(l.Devices, ListedDevice{id, CleanName(d.GetName()), added})
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
	newer, _ := l.Newer(old)
	return newer
}

// Newer is Supersedes with the reason to worry: an error that is ErrDeviceList
// when the lists are of two accounts, or when they differ under one version,
// which means that the account's key has been used in two places at once. The
// answer holds in that case too, so that everybody ends with the same list.
func (l DeviceList) Newer(old DeviceList) (bool, error) {
	switch {
	case l.Account != old.Account:
		return false, fmt.Errorf("%w: it is another account's", ErrDeviceList)
	case l.Version != old.Version:
		return l.Version > old.Version, nil
	}
	order := bytes.Compare(l.raw, old.raw)
	if order == 0 {
		return false, nil
	}
	return order > 0, fmt.Errorf("%w: there are two different lists with version %d", ErrDeviceList, l.Version)
}
