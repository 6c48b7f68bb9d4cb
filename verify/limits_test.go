package verify

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"
)

func TestFault_V09_ForgedSandboxesAreCountedAndCapped(t *testing.T) {
	proc := newFakeProc(t)
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	const forged = maxClaims + 200
	for i := range forged {
		proc.add(fakeProcess{pid: 1000 + i, argv: []string{"runsc-sandbox", "\x1b[2J\n" + containerID(1)}, exe: "/bin/sh", cgroup: sharedCgroup})
	}
	report, survey := judgeAll(t, proc.fs(), nil, nil, []Release{r})
	if report.ClaimCount != forged || len(report.Claims) != maxClaims || len(survey.Sandboxes) != 0 || len(report.Orphans) != 0 {
		t.Errorf("got %d claims, %d kept, %d sandboxes, want %d, %d, 0", report.ClaimCount, len(report.Claims), len(survey.Sandboxes), forged, maxClaims)
	}
}

func TestLookAtHugeArgv(t *testing.T) {
	proc := newFakeProc(t)
	r := fakeRelease(t, t.TempDir(), "20260914.0")
	box := sandboxProcess(1000, r, containerID(1))
	box.argv = slices.Insert(box.argv, 1, string(make([]byte, maxArgv)))
	proc.add(box)
	report, survey := judgeAll(t, proc.fs(), []Container{container(1, 1000, "runsc")}, runtimesOf(r), []Release{r})
	p := survey.Evidence[0].Process
	if !p.ArgvCut || report.State != Unknown {
		t.Errorf("got cut %v, %v, want true, unknown", p.ArgvCut, report.State)
	}
	size := 0
	for _, arg := range p.Argv {
		size += len(arg) + 1
	}
	if size > maxArgv+1 {
		t.Errorf("got %d bytes of arguments, want at most %d", size, maxArgv)
	}
}

func TestLookEndsWithItsContext(t *testing.T) {
	proc := newFakeProc(t)
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if _, err := proc.fs().Look(ctx, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestFault_V06_NoProcIsAnError(t *testing.T) {
	fs := &FS{Proc: t.TempDir() + "/missing"}
	if _, err := fs.Look(t.Context(), nil, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}

func TestFault_V06_MalformedTextIsUnknown(t *testing.T) {
	for _, name := range []string{"stat", "status", "cgroup", "uid_map", "mountinfo"} {
		t.Run(name, func(t *testing.T) {
			proc := newFakeProc(t)
			r := fakeRelease(t, t.TempDir(), "20260914.0")
			proc.add(sandboxProcess(1000, r, containerID(1)))
			proc.write(proc.path(1000, name), "odd\n")
			report, survey := judgeAll(t, proc.fs(), []Container{container(1, 1000, "runsc")}, runtimesOf(r), []Release{r})
			if survey.Evidence[0].Gap != Unreadable || report.State != Unknown {
				t.Errorf("got gap %d, %v, want %d, unknown", survey.Evidence[0].Gap, report.State, Unreadable)
			}
		})
	}
	t.Run("namespaces of the host missing", func(t *testing.T) {
		proc := newFakeProc(t)
		r := fakeRelease(t, t.TempDir(), "20260914.0")
		proc.add(sandboxProcess(1000, r, containerID(1)))
		if err := os.RemoveAll(proc.path(1, "ns")); err != nil {
			t.Fatal(err)
		}
		report, survey := judgeAll(t, proc.fs(), []Container{container(1, 1000, "runsc")}, runtimesOf(r), []Release{r})
		if survey.Evidence[0].Gap != Denied || report.State != Unknown {
			t.Errorf("got gap %d, %v, want %d, unknown", survey.Evidence[0].Gap, report.State, Denied)
		}
	})
}

func TestMembersOfAReleaseAreAllKept(t *testing.T) {
	proc := newFakeProc(t)
	p, err := proc.fs().begin(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.proc.close()
	var e Evidence
	for pid := range maxStrangers + 100 {
		p.addMember(&e, &entry{pid: pid + 10, file: File{"20260914.0", sentryPath}, gap: Complete}, Container{})
	}
	if len(e.Members) != maxStrangers+100 || e.MembersCut {
		t.Errorf("got %d members, cut %t, want all", len(e.Members), e.MembersCut)
	}
	for pid := range maxStrangers + 1 {
		p.addMember(&e, &entry{pid: pid + 10, gap: Denied}, Container{})
	}
	if len(e.Members) != 2*maxStrangers+100 || !e.MembersCut {
		t.Errorf("got %d members, cut %t, want the limit of foreign members", len(e.Members), e.MembersCut)
	}
}
