package lab

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// victimEnv turns this test binary into a process that boots a host and never
// closes it.
const victimEnv = "RUNSC_LAB_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victimEnv) == "" {
		os.Exit(m.Run())
	}
	h, err := Boot(context.Background(), Options{Docker: DockerStopped, Binary: NoBinary, Name: "victim"})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("booted", h.Name())
	select {}
}

func TestBoot_RemovesTheHostOfAKilledProcessOnly(t *testing.T) {
	other := ForTest(t, Options{Docker: DockerStopped, Binary: NoBinary, Name: "bystander"})

	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	victim := exec.CommandContext(t.Context(), exe)
	victim.Env = append(os.Environ(), victimEnv+"=1")
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	word, id, _ := strings.Cut(strings.TrimSpace(line), " ")
	if word != "booted" {
		t.Fatalf("victim: got %q (%v), want that it booted", line, err)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait()
	if got := leftovers(t, other.cache.Dir(), id); len(got) == 0 {
		t.Fatal("the killed process left nothing: this test proves nothing")
	}

	ForTest(t, Options{Docker: DockerStopped, Binary: NoBinary, Name: "next"})
	if got := leftovers(t, other.cache.Dir(), id); len(got) != 0 {
		t.Errorf("left over: got %q, want nothing", got)
	}
	if got := run(t, other, "echo", "alive"); got != "alive" {
		t.Errorf("bystander: got %q, want it alive", got)
	}
}
