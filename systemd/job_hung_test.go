package systemd

import (
	"errors"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

func TestFault_X23_AnExecReloadThatHangsIsKilled(t *testing.T) {
	f := newFakeManager(t, "bus")
	c := dialFake(t, f)
	c.lookEvery, c.reloadWithin = time.Hour, time.Millisecond
	f.on("ReloadUnit", takeJob)
	f.on("KillUnit", func(f *fakeManager, p *fakePeer, m *dbus.Message) { f.reply(p, m) })
	if err := c.Reload(t.Context(), "docker.service"); !errors.Is(err, ErrReloadHung) {
		t.Errorf("got %v, want %v", err, ErrReloadHung)
	}
	await(t, f, "KillUnit docker.service control") // never "main" or "all"
}
