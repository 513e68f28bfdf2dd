package document

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"loa"
	"loa/sandbox"
)

const (
	maxPages = "30"             // a notice has one to five
	patience = 30 * time.Second // on the wall clock; the sandbox bounds the processor
)

// pdf runs pdftotext of poppler-utils in the sandbox, in a folder of its own.
func (r Reader) pdf(ctx context.Context, b []byte) (text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	dir, err := os.MkdirTemp(r.Dir, "document-")
	if err != nil {
		return "", fmt.Errorf("make job folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, "source"), b, 0o600); err != nil {
		return "", fmt.Errorf("write source: %w", err)
	}
	name := r.PDFToText
	if name == "" {
		name = "pdftotext"
	}
	_, err = sandbox.Box{Self: r.Self, Dir: dir}.Run(ctx, name, "-enc", "UTF-8", "-nopgbrk", "-l", maxPages, "source", "text")
	failed, ran := errors.AsType[sandbox.FailedError](err)
	switch {
	case errors.Is(err, sandbox.ErrMissing):
		return "", loa.Errorf(loa.Unavailable, "document.no_pdftotext").Because(err)
	case ran && strings.Contains(failed.Log, "Incorrect password"):
		return "", loa.Errorf(loa.Invalid, "document.password").Because(failed)
	case ran:
		return "", loa.Errorf(loa.Invalid, "document.damaged").Because(failed)
	case errors.Is(err, context.DeadlineExceeded):
		return "", loa.Errorf(loa.Invalid, "document.damaged").Because(err)
	case err != nil:
		return "", fmt.Errorf("read PDF: %w", err)
	}
	f, err := os.Open(filepath.Join(dir, "text"))
	if err != nil {
		return "", fmt.Errorf("read PDF's text: %w", err)
	}
	defer f.Close()
	all, err := io.ReadAll(&bounded{f, 4*MaxCharacters + 64<<10})
	if err != nil {
		return "", err
	}
	return unwrap(string(all)), nil
}
