package handle

import "github.com/idnode/idnode/proto/identifier"

// AdminPerms are the rights that an HS_ADMIN value gives.
type AdminPerms uint16

const (
	MayAddHandle    AdminPerms = 0x0001
	MayDeleteHandle AdminPerms = 0x0002
	MayAddPrefix    AdminPerms = 0x0004
	MayDeletePrefix AdminPerms = 0x0008
	MayModifyValue  AdminPerms = 0x0010
	MayRemoveValue  AdminPerms = 0x0020
	MayAddValue     AdminPerms = 0x0040
	MayModifyAdmin  AdminPerms = 0x0080
	MayRemoveAdmin  AdminPerms = 0x0100
	MayAddAdmin     AdminPerms = 0x0200
	MayReadPrivate  AdminPerms = 0x0400
	MayListHandles  AdminPerms = 0x0800
	MayListPrefixes AdminPerms = 0x1000 // DO-IRP only

	// MayAll is every right of the Handle.Net software.
	MayAll AdminPerms = 0x0fff
)

// Admin is the data of an HS_ADMIN value: who may do what. Index 0 of the reference is any key of
// that handle.
type Admin struct {
	Perms AdminPerms
	Ref   identifier.Ref
}

// AppendAdmin appends a in wire form.
func AppendAdmin(dst []byte, a Admin) []byte {
	return AppendRef(appendInt2(dst, uint16(a.Perms)), a.Ref)
}

// ParseAdmin reads the data of an HS_ADMIN value. Octets behind the reference are ignored: an old
// writer adds two zeros.
func ParseAdmin(src []byte) (Admin, error) {
	c := cursor{b: src}
	a := Admin{Perms: AdminPerms(c.int2()), Ref: c.ref()}
	if c.err != nil {
		return Admin{}, c.err
	}
	return a, nil
}
