package registry

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"unicode/utf8"
)

// Media types that files are taken in.
const (
	mediaPNG  = "image/png"
	mediaJPEG = "image/jpeg"
	mediaBMP  = "image/bmp"
	mediaGIF  = "image/gif"
	mediaWebP = "image/webp"
	mediaPDF  = "application/pdf"
	mediaText = "text/plain; charset=utf-8"
)

// maxImageSide is the most pixels of a picture in either direction: no scan has more, and what decodes
// it later must not be made to take gigabytes.
const maxImageSide = 20000

// pdfTail is where the end mark of a PDF must stand: within so many octets of its end, as readers look for it.
const pdfTail = 1024

// mediaTypeOf judges a file by what it holds, whatever its name says. It returns "" for what is not
// one of the types taken, or is damaged at its head or its end.
func mediaTypeOf(data []byte) string {
	begins := func(s string) bool { return strings.HasPrefix(string(data[:min(len(data), 16)]), s) }
	switch {
	case begins("\x89PNG\r\n\x1a\n"):
		return decoded(mediaPNG, data, func(r *bytes.Reader) (image.Config, error) { return png.DecodeConfig(r) })
	case begins("\xff\xd8\xff"):
		return decoded(mediaJPEG, data, func(r *bytes.Reader) (image.Config, error) { return jpeg.DecodeConfig(r) })
	case begins("GIF87a"), begins("GIF89a"):
		return decoded(mediaGIF, data, func(r *bytes.Reader) (image.Config, error) { return gif.DecodeConfig(r) })
	case begins("BM"):
		if saneBMP(data) {
			return mediaBMP
		}
	case begins("RIFF"):
		if saneWebP(data) {
			return mediaWebP
		}
	case begins("%PDF-"):
		if bytes.Contains(data[max(0, len(data)-pdfTail):], []byte("%%EOF")) {
			return mediaPDF
		}
		return ""
	case begins("PK\x03\x04"):
		return officeType(data)
	}
	if plainText(data) {
		return mediaText
	}
	return ""
}

// decoded is media if its decoder understands the head of the picture, else "".
func decoded(media string, data []byte, decode func(*bytes.Reader) (image.Config, error)) string {
	c, err := decode(bytes.NewReader(data))
	if err != nil || c.Width < 1 || c.Height < 1 || c.Width > maxImageSide || c.Height > maxImageSide {
		return ""
	}
	return media
}

// saneBMP reports whether data is a Windows bitmap: file header of 14 octets, then one that tells its
// own length and the size of the picture, whose height is negative where rows run downwards.
func saneBMP(data []byte) bool {
	if len(data) < 26 {
		return false
	}
	pixels, header := binary.LittleEndian.Uint32(data[10:]), binary.LittleEndian.Uint32(data[14:])
	var width, height int64
	switch header {
	case 12:
		width, height = int64(binary.LittleEndian.Uint16(data[18:])), int64(binary.LittleEndian.Uint16(data[20:]))
	case 40, 52, 56, 64, 108, 124:
		width, height = int64(int32(binary.LittleEndian.Uint32(data[18:]))), int64(int32(binary.LittleEndian.Uint32(data[22:])))
	default:
		return false
	}
	if height < 0 {
		height = -height
	}
	return width > 0 && height > 0 && width <= maxImageSide && height <= maxImageSide && pixels >= 14+header && int64(pixels) < int64(len(data))
}

// saneWebP reports whether data is one RIFF chunk of form WEBP that begins with a picture.
func saneWebP(data []byte) bool {
	if len(data) < 20 || string(data[8:12]) != "WEBP" {
		return false
	}
	size := int64(binary.LittleEndian.Uint32(data[4:]))
	kind := string(data[12:16])
	return size+8 <= int64(len(data)) && size >= 12 && (kind == "VP8 " || kind == "VP8L" || kind == "VP8X")
}

// officeTypes are the media types of Office documents by the folder that their ZIP archive has.
var officeTypes = []struct{ folder, media string }{
	{"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
	{"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	{"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
}

// openDocument begins the media types that OpenDocument files name in their first entry.
const openDocument = "application/vnd.oasis.opendocument."

// officeType is the media type of an Office document in a ZIP archive: OOXML (ECMA-376) by its parts,
// OpenDocument (ISO/IEC 26300) by its first entry, stored as it is. Archives of anything else are not taken.
func officeType(data []byte) string {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(z.File) == 0 {
		return ""
	}
	if first := z.File[0]; first.Name == "mimetype" && first.Method == zip.Store {
		at, err := first.DataOffset()
		if n := int64(first.CompressedSize64); err == nil && n < 100 && at+n <= int64(len(data)) {
			if media := string(data[at : at+n]); strings.HasPrefix(media, openDocument) && printable(media) {
				return media
			}
		}
		return ""
	}
	content, media := false, ""
	for _, f := range z.File {
		content = content || f.Name == "[Content_Types].xml"
		for _, t := range officeTypes {
			if strings.HasPrefix(f.Name, t.folder) {
				media = t.media
			}
		}
	}
	if !content {
		return ""
	}
	return media
}

// plainText reports whether data is text in UTF-8 without control characters but blanks and line ends.
func plainText(data []byte) bool {
	if len(data) == 0 || !utf8.Valid(data) {
		return false
	}
	for _, c := range data {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' || c == 0x7f {
			return false
		}
	}
	return true
}
