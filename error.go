package loa

import (
	"errors"
	"fmt"
	"strings"
)

// Code says what kind of failure an Error is; package web turns it into an
// HTTP status in one table and docs/errors.md explains each.
type Code string

// The codes. Anything that is not an *Error counts as Internal.
const (
	NotFound    Code = "not_found"
	Invalid     Code = "invalid"
	Forbidden   Code = "forbidden"
	Conflict    Code = "conflict"
	Unavailable Code = "unavailable"
	Full        Code = "full" // the disk takes no more
	Internal    Code = "internal"
)

// Error is a failure a person can be told about. Key names a sentence in
// package lang and an anchor in docs/errors.md; Args fill the sentence.
// Err is the cause, for the log only: it is never shown.
type Error struct {
	Code Code
	Key  string
	Args []any
	Err  error
}

// Error writes the failure for a log: code, key, arguments, cause.
func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Key
	if len(e.Args) > 0 {
		s += fmt.Sprintf(" %v", e.Args)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is match by key, so a test names the sentence it expects.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Key == e.Key
}

// Errorf builds an Error; args fill the sentence the key names.
func Errorf(code Code, key string, args ...any) *Error {
	return &Error{Code: code, Key: key, Args: args}
}

// Because adds the cause that only the log may see.
func (e *Error) Because(err error) *Error {
	return &Error{Code: e.Code, Key: e.Key, Args: e.Args, Err: err}
}

// CodeOf is the code of err, Internal for errors that carry none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// KeyOf is the sentence key of err, "internal" for errors that carry none.
func KeyOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Key
	}
	return "internal"
}

// Clip is s as an argument of an error: at most 40 characters, so that the
// sentence stays short when what was typed is not, and valid UTF-8.
func Clip(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
