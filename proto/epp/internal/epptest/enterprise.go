package epptest

import "github.com/idnode/idnode/proto/epp"

// Enterprise is one whose every item is set.
func Enterprise() epp.Enterprise {
	return epp.Enterprise{
		Type: "2", CreditCode: "91110108589104047H", Image: epp.Image{Type: "png", Data: []byte("\x89PNG\r\n\x1a\n")},
		NameCn: "北京轴承&齿轮有限公司", Province: "110000", City: "110100", County: "110108", AddressCn: "海淀区某路 1 号",
		NameEn: "Beijing Bearings & Gears", AddressEn: "1 Some Road", Website: "https://bearings.example/?a=1&b=2", Descr: "轴承。\n齿轮。",
		Contact:     epp.Contact{Name: "张三", Email: "zhang@bearings.example", Phone: "+86 10 5555 0101"},
		LegalPerson: epp.LegalPerson{Name: "李四", IDType: epp.IDPassport, IDNo: "E12345678", Image: epp.Image{Type: "bmp", Data: []byte("BM")}},
	}
}
