package names

import (
	"maps"
	"slices"
)

// tell reports what has changed.
func (r *run) tell() {
	now := Report{Err: r.err}
	for _, id := range slices.Sorted(maps.Keys(r.all)) {
		c := r.all[id]
		if c.Running && c.complete && len(c.left) == 0 && r.goal.Mode == Maintain {
			now.Kept++
		}
		for _, file := range slices.Sorted(maps.Keys(c.left)) {
			if len(now.Left) < maxLeft {
				now.Left = append(now.Left, Left{ID: id, Name: c.Name, File: file, Reason: c.left[file]})
			}
		}
	}
	if r.reported.Kept == now.Kept && slices.Equal(r.reported.Left, now.Left) && text(r.reported.Err) == text(now.Err) {
		return
	}
	r.reported = now
	r.report(now)
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
