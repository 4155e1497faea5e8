package httpserver

import (
	"net/http"

	"github.com/idnode/idnode/proto/handle"
	"github.com/idnode/idnode/resolver"
)

// outcome is how a resolver.Status reads over HTTP.
type outcome struct {
	rcode   handle.Rcode // responseCode in both bodies
	resolve int          // status of /resolve
	handles int          // status of /api/handles
}

// outcomes is the table of DESIGN.md section 3, columns Handle RC and HTTP.
var outcomes = map[resolver.Status]outcome{
	resolver.Found:          {handle.RcodeSuccess, http.StatusOK, http.StatusOK},
	resolver.NoValues:       {handle.RcodeValuesNotFound, http.StatusOK, http.StatusOK},
	resolver.NotFound:       {handle.RcodeHandleNotFound, http.StatusNotFound, http.StatusNotFound},
	resolver.Revoked:        {handle.RcodeHandleNotFound, http.StatusGone, http.StatusNotFound},
	resolver.Referral:       {handle.RcodePrefixReferral, http.StatusOK, http.StatusMultipleChoices},
	resolver.Suspended:      {handle.RcodeHandleNotFound, http.StatusForbidden, http.StatusNotFound},
	resolver.NotResponsible: {handle.RcodeServerNotResponsible, http.StatusNotFound, http.StatusBadRequest},
	resolver.Invalid:        {handle.RcodeProtocolError, http.StatusBadRequest, http.StatusBadRequest},
	resolver.Overloaded:     {handle.RcodeServerTooBusy, http.StatusServiceUnavailable, http.StatusServiceUnavailable},
	resolver.Failed:         {handle.RcodeError, http.StatusInternalServerError, http.StatusInternalServerError},
}
