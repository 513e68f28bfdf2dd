// Package document takes the text out of the papers that reach an office, so
// that nobody types a notice again:
//
//	document.go   what it is; what is refused, each with its own sentence
//	word.go       .docx: the paragraphs and tables of word/document.xml, bounded
//	pdf.go        .pdf: pdftotext inside the sandbox
//	lines.go      lines as people would type them
//
// All bytes are hostile. The text is a proposal: a person reads it in the box
// before anything is made of it.
package document
