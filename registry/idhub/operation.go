package idhub

import (
	"net/http"

	"github.com/idnode/idnode/proto/identifier"
	"github.com/idnode/idnode/registry"
)

// Operations of the Digital Object Interface Protocol, and one of IDHub's own (section 6).
const (
	opCreate   = "0.DOIP/Op.Create"
	opRetrieve = "0.DOIP/Op.Retrieve"
	opUpdate   = "0.DOIP/Op.Update"
	opMerge    = "0.DOIP.EXTEND/Op.Update.Non.Overlay"
	opDelete   = "0.DOIP/Op.Delete"
)

// operations serves /api/v1/doip, where the query names operation and target.
func (s *server) operations() {
	s.mux.HandleFunc("POST /api/v1/doip", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("operationId") {
		case opCreate:
			s.operate(w, r, doneTen, s.create)
		case opUpdate:
			s.operate(w, r, doneSuccess, s.update(true))
		case opMerge:
			s.operate(w, r, doneSuccess, s.update(false))
		case opDelete:
			s.operate(w, r, doneTen, s.delete)
		case opRetrieve:
			s.retrieveOpen(w, r)
		default:
			s.answer(w, r, done{}, nil, deny(CodeUnknown, messageUnknown))
		}
	})
	s.mux.HandleFunc("GET /api/v1/doip", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("operationId") {
		case opRetrieve:
			s.retrieveOpen(w, r)
		case opCreate, opUpdate, opMerge, opDelete:
			s.answer(w, r, done{}, nil, deny(CodeUnsupported, messageMethodOf))
		default:
			s.answer(w, r, done{}, nil, deny(CodeUnknown, messageUnknown))
		}
	})
}

// operation serves an operation on the identifier id.
type operation func(r *request, id identifier.ID) (any, error)

// operate serves an operation that writes.
func (s *server) operate(w http.ResponseWriter, r *http.Request, as done, serve operation) {
	var data any
	actor, err := s.caller(r, registry.ScopeIdentifiersWrite)
	if err == nil {
		data, err = s.serve(w, r, actor, maxContent, s.target(serve))
	}
	s.answer(w, r, as, data, err)
}

// retrieveOpen serves Retrieve, to who sends no token too.
func (s *server) retrieveOpen(w http.ResponseWriter, r *http.Request) {
	var data any
	var actor registry.Actor
	var err error
	if r.Header.Get("Authorization") != "" {
		actor, err = s.caller(r, registry.ScopeIdentifiersRead)
	}
	if err == nil {
		data, err = s.serve(w, r, actor, maxNames, s.target(s.retrieve))
	}
	s.answer(w, r, doneOne, data, err)
}

// target reads the identifier that an operation is on.
func (s *server) target(serve operation) call {
	return func(r *request) (any, error) {
		id, err := s.parseHandle(r.URL.Query().Get("targetId"))
		if err != nil {
			return nil, err
		}
		return serve(r, id)
	}
}

// parseHandle reads an identifier of the Handle System that may have a record.
func (s *server) parseHandle(handle string) (identifier.ID, error) {
	if len(handle) > maxHandle {
		return identifier.ID{}, deny(CodeIdentifierForm, messageForm)
	}
	id, err := s.Registrar.ParseID(identifier.Handle, handle, "targetId")
	if err == nil && id.IsPrefixRecord() {
		err = deny(CodeIdentifierForm, messageForm)
	}
	return id, err
}
