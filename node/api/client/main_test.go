package client

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails if a goroutine outlives the tests: each must have an owner
// that waits for it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
