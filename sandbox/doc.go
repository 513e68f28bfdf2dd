// Package sandbox runs a program that reads bytes from anyone (ffmpeg, pdftotext)
// where it can see one folder and reach nothing:
//
//	run.go      start this executable again, as the program's gaoler
//	sandbox.go  Main, the other end: it takes away its own rights and becomes the program
//
// It needs neither root nor namespaces (decision 0015).
package sandbox
