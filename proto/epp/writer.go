package epp

import (
	"bytes"
	"encoding/xml"
)

// header begins every message.
const header = `<?xml version="1.0" encoding="UTF-8"?>`

// writer has what is written.
type writer struct {
	buf   []byte
	begun int // where the last start tag ended
}

// start writes a start tag, and declares the namespace where it changes. Attrs are names and values in turn.
func (w *writer) start(outer, ns, name string, attrs ...string) {
	w.buf = append(w.buf, '<')
	w.buf = append(append(w.buf, tags[ns]...), name...)
	if outer != ns {
		w.buf = append(w.buf, ` xmlns`...)
		if tag := tags[ns]; tag != "" {
			w.buf = append(append(w.buf, ':'), tag[:len(tag)-1]...)
		}
		w.buf = append(w.buf, `="`...)
		w.escape(ns)
		w.buf = append(w.buf, '"')
	}
	for i := 0; i < len(attrs); i += 2 {
		w.buf = append(append(append(w.buf, ' '), attrs[i]...), `="`...)
		w.escape(attrs[i+1])
		w.buf = append(w.buf, '"')
	}
	w.buf = append(w.buf, '>')
	w.begun = len(w.buf)
}

// end writes an end tag, or makes the start tag that of an empty element.
func (w *writer) end(ns, name string) {
	if len(w.buf) == w.begun {
		w.buf = append(w.buf[:w.begun-1], "/>"...)
		return
	}
	w.buf = append(append(append(append(w.buf, "</"...), tags[ns]...), name...), '>')
}

// element writes an element with text, or an empty one.
func (w *writer) element(ns, name, text string, attrs ...string) {
	w.start(ns, ns, name, attrs...)
	w.escape(text)
	w.end(ns, name)
}

func (w *writer) escape(s string) {
	b := bytes.NewBuffer(w.buf)
	_ = xml.EscapeText(b, []byte(s)) // a buffer takes everything
	w.buf = b.Bytes()
}
