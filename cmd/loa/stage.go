package main

import (
	"context"
	"flag"
	"fmt"

	"loa/signer"
)

// stage is one step of a command that has several, as `loa root draft`; the step's
// own name is the command's first argument.
type stage func(ctx context.Context, a *app, f *flag.FlagSet) error

// staged runs the step that the first argument names.
func (a *app) staged(ctx context.Context, command string, stages map[string]stage) error {
	if len(a.args) == 0 {
		return errUsage
	}
	do, ok := stages[a.args[0]]
	if !ok {
		return errUsage
	}
	f := flag.NewFlagSet(command+" "+a.args[0], flag.ContinueOnError)
	f.SetOutput(a.errs)
	return do(ctx, a, f)
}

// makeKey makes one holder's key, a file for the safe closed with the passphrase in
// a variable of the environment, and prints its public half.
func (a *app) makeKey(f *flag.FlagSet, prefix, passphrase string) error {
	out := f.String("o", "", "file to make")
	name := f.String("name", "", "whose key it is")
	if err := f.Parse(a.args[1:]); err != nil || *out == "" || *name == "" {
		return errUsage
	}
	file, root, err := signer.NewRoot(prefix+*name, false, []byte(a.getenv(passphrase)))
	if err != nil {
		return err
	}
	if err := writeNew(*out, file); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.out, root.Keys[0])
	return err
}
