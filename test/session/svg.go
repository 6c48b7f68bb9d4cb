package session

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Width is the number of columns of the picture.
const Width = 118

// All lengths are in pixels. A character of 13 px monospace is 7.83 px wide.
const (
	lineHeight = 17
	margin     = 16
	width      = 2*margin + Width*783/100
)

// color is that of a code on a dark terminal.
func color(code int) string {
	switch code {
	case 2:
		return "#81889a"
	case 31:
		return "#f07178"
	case 32:
		return "#a3d977"
	case 33:
		return "#ffcb6b"
	default:
		return "#d8dee9"
	}
}

// SVG draws lines as text, which can be searched and selected.
func SVG(lines [][]Span) []byte {
	var b bytes.Buffer
	height := 2*margin + len(lines)*lineHeight
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d">`+"\n", width, height)
	b.WriteString("<!-- made from a session on a lab host by make picture -->\n")
	b.WriteString("<title>A session of runsc-provisioner</title>\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="8" fill="#1b1f29"/>`+"\n", width, height)
	const fonts = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
	fmt.Fprintf(&b, `<g font-family="%s" font-size="13" fill="%s">`+"\n", fonts, color(0))
	for i, line := range lines {
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" xml:space=\"preserve\">", margin, margin+12+i*lineHeight)
		for _, s := range line {
			var text bytes.Buffer
			_ = xml.EscapeText(&text, []byte(s.Text)) // a buffer takes everything
			switch {
			case s.Bold:
				fmt.Fprintf(&b, `<tspan font-weight="bold" fill="%s">%s</tspan>`, color(s.Color), text.String())
			case s.Color != 0:
				fmt.Fprintf(&b, "<tspan fill=\"%s\">%s</tspan>", color(s.Color), text.String())
			default:
				b.Write(text.Bytes())
			}
		}
		b.WriteString("</text>\n")
	}
	b.WriteString("</g>\n</svg>\n")
	return b.Bytes()
}

// Text is the text of a picture, in one line.
func Text(svg []byte) (string, error) {
	var b strings.Builder
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	for inText := 0; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "text" || token.Name.Local == "tspan" {
				inText++
			}
		case xml.EndElement:
			if token.Name.Local == "text" || token.Name.Local == "tspan" {
				inText--
			}
			if token.Name.Local == "text" {
				b.WriteString(" ")
			}
		case xml.CharData:
			if inText > 0 {
				b.Write(token)
			}
		}
	}
}
