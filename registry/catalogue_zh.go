package registry

// detailsZH is the Chinese of the sentences that errors are told in, by the English. Verbs of a
// translation may be numbered ("%[2]s") where the order differs.
var detailsZH = map[string]string{
	"no enterprise %s":                        "没有企业 %s",
	"enterprise %s is %s: %s is not possible": "企业 %s 的状态是 %s，不能执行 %s",
}
