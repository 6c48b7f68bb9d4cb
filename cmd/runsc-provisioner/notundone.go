package main

import "runsc-provisioner/provision/transaction"

// fileHint says which text a rollback left in daemon.json.
func fileHint(left transaction.Left) string {
	copied := ""
	if left.Copy != "" {
		copied = "; the text from before is in " + left.Copy
	}
	switch left.File {
	case transaction.FileOld:
		return "daemon.json is as it was before"
	case transaction.FileMerged:
		return "daemon.json is another program's text, without the settings of this run"
	case transaction.FileForeign:
		return "daemon.json is another program's text, and may still have settings of this run" + copied
	case transaction.FileChanged:
		return "daemon.json still has the change" + copied
	default:
		return "daemon.json cannot be read" + copied
	}
}

// downHint is for a Docker that is down because of a change.
func downHint(left transaction.Left) string {
	hint := fileHint(left) + "; systemctl status docker.service and journalctl -u docker.service show why Docker does not start; "
	if left.Aside != "" {
		return hint + "no later run starts it: once the cause is removed, run systemctl reset-failed docker.service docker.socket, then systemctl start docker.service"
	}
	return hint + "the next apply tries once more to start it"
}

// notUndoneHint is for a change that was not undone as a whole, on a host where Docker is
// not down because of it.
func notUndoneHint(left transaction.Left) string {
	hint := fileHint(left)
	switch left.Docker {
	case transaction.DockerRestored:
		hint += "; dockerd runs with its settings from before"
	case transaction.DockerChanged:
		hint += "; dockerd still runs with the change, or a part of it"
	case transaction.DockerStopped:
		hint += "; Docker is not running"
	default:
		hint += "; whether dockerd still runs with the change is unknown"
	}
	if left.File == transaction.FileMerged && left.Docker == transaction.DockerChanged {
		return hint + ", until Docker is restarted: systemctl restart docker.service undoes that"
	}
	return hint + "; remove the cause, then run apply again: it first tries once more to undo the change"
}
