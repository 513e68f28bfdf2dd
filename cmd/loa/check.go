package main

import (
	"context"
	"fmt"

	"loa/node"
)

// check compares what is kept with its hashes, seals and numbers.
func check(ctx context.Context, a *app) error {
	if len(a.args) > 0 {
		return errUsage
	}
	c, err := node.FromEnv(a.getenv)
	if err != nil {
		return err
	}
	bad := 0
	node.Check(ctx, c, func(ok bool, what string) {
		mark := "ok  "
		if !ok {
			mark, bad = "BAD ", bad+1
		}
		fmt.Fprintln(a.out, mark, what)
	})
	if bad > 0 {
		return fmt.Errorf("%d findings: what is damaged is not to be believed; docs/operate.md says how to restore", bad)
	}
	return nil
}
