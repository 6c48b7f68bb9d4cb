package pipe

import (
	"bytes"
	"errors"
	"testing"
)

func TestPipe(t *testing.T) {
	stop := errors.New("stop")
	t.Run("writes wait for room, reads for bytes", func(t *testing.T) {
		r := New(7)
		want := bytes.Repeat([]byte("0123456789"), 100)
		go func() {
			for at := 0; at < len(want); at += 10 {
				if _, err := r.Write(want[at : at+10]); err != nil {
					t.Error(err)
				}
			}
			r.Close(nil)
		}()
		var got bytes.Buffer
		if _, err := got.ReadFrom(r); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("got %q, error %v", got.Bytes(), err)
		}
	})
	t.Run("quit drops what comes", func(t *testing.T) {
		r := New(1)
		r.Quit(nil)
		if n, err := r.Write([]byte("abc")); n != 3 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	})
	t.Run("quit with an error wakes a write", func(t *testing.T) {
		r := New(1)
		go r.Quit(stop)
		if _, err := r.Write([]byte("abc")); !errors.Is(err, stop) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("close with an error comes after the bytes", func(t *testing.T) {
		r := New(4)
		if _, err := r.Write([]byte("ab")); err != nil {
			t.Fatal(err)
		}
		r.Close(stop)
		var got bytes.Buffer
		if _, err := got.ReadFrom(r); !errors.Is(err, stop) || got.String() != "ab" {
			t.Errorf("got %q, %v", got.String(), err)
		}
	})
}
