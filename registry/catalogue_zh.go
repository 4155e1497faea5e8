package registry

// detailsZH is the Chinese of the sentences that errors are told in, by the English. Verbs of a
// translation may be numbered ("%[2]s") where the order differs.
var detailsZH = map[string]string{
	"no enterprise %s":                             "没有企业 %s",
	"enterprise %s is %s: %s is not possible":      "企业 %s 的状态是 %s，不能执行 %s",
	"role %s does not keep files of enterprise %s": "角色 %s 不能上传企业 %s 的文件",
	"a purpose is attachment or record":            "purpose 应为 attachment 或 record",
	"only files of purpose record can be public":   "只有 purpose 为 record 的文件可以公开",
	"a name is required":                           "必须填写名称",
	"the file is empty":                            "文件为空",
	"the file is longer than %d octets":            "文件超过 %d 字节",
	"the content is neither PNG, JPEG, BMP, GIF, WebP, PDF, an Office document nor text in UTF-8, or it is damaged": "文件内容不是 PNG、JPEG、BMP、GIF、WebP、PDF、Office 文档或 UTF-8 文本，或者已损坏",
	"the content is neither PNG, JPEG, BMP nor PDF, or it is damaged":                                               "文件内容不是 PNG、JPEG、BMP 或 PDF，或者已损坏",
	"the picture is longer than %d octets":                                                                          "图片超过 %d 字节",
	"enterprise %s is %s":                                                                                           "企业 %s 的状态是 %s",
	"an enterprise has at most %d files: delete some first":                                                         "每个企业最多保存 %d 个文件，请先删除一些",
	"the files of an enterprise take at most %d octets: delete some first":                                          "每个企业的文件总量不超过 %d 字节，请先删除一些",
	"no file %s":                 "没有文件 %s",
	"enterprise %s is not yours": "您无权查看企业 %s",
	"role %s does not delete files of enterprise %s":                         "角色 %s 不能删除企业 %s 的文件",
	"the form of enterprise %s names file %s: take it out of the form first": "企业 %s 的表单引用了文件 %s，请先从表单中移除",
	"the form cannot be read: %s":                                            "无法读取表单：%s",
	"the form has no field file":                                             "表单中没有 file 字段",
	"the file did not come within %s":                                        "文件未能在 %s 内传完",
	"the body cannot be read: %s":                                            "无法读取请求体：%s",
	"true or false is expected":                                              "应为 true 或 false",
}
