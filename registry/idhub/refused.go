package idhub

import "net/http"

// refused answers the calls for which the registry has no matter, to everybody: what is not served, and what to
// use instead.
func (s *server) refused() {
	for pattern, message := range map[string]string{
		"POST /api/v1/open/meta/grant/info":        "不支持元数据授权：元数据仅本企业可见，请用 classes-grant 接口授权属性，或将元数据交给对方在其前缀下新建",
		"POST /api/v1/single-handle/authorization": "不支持实例标识单个授权：请用 /api/v1/open/classes-grant/authorization 按元数据授权，或用 PATCH /v1/identifiers 设置单个值的权限",
		"GET /api/v1/open/message/appMessage":      "不支持授权通知：请用 /v1/webhooks 订阅变更",
	} {
		s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.answer(w, r, done{}, nil, deny(CodeNotServed, message))
		})
	}
}
