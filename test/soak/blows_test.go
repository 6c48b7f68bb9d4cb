package soak

// A blow is a change that another program or a user makes to a host. Its script
// has $f, daemon.json, and $new, a foreign text. It records each time that it
// asks systemd to start Docker.
type blow struct {
	name   string
	script string
	// gentle is true if it leaves dockerd running.
	gentle bool
}

const functions = `f=` + daemonJSON + `; new=/root/theirs.json; bare=/root/bare.json
put() { cp $1 $f.theirs; mv $f.theirs $f; }
asked() { echo x >> /root/asked; }
restart() { asked; systemctl restart docker; }
`

var blows = []blow{
	{"overwritten", "put $new", true},
	{"a default without its definition", "put $bare", true},
	{"overwritten and reloaded", "put $new; systemctl reload docker", true},
	{"overwritten and restarted", "put $new; restart", false},
	{"restarted", "restart", false},
	{"restarted with a default without its definition", "put $bare; restart; put $new", false},
	{"into its start limit", "for i in 1 2 3 4 5 6; do restart || break; done", false},
	{"into its start limit, overwritten", "for i in 1 2 3 4 5 6; do put $new; restart || break; done", false},
	{"dockerd killed", "kill -9 $(systemctl show -p MainPID --value docker)", false},
	{"stopped for a while", "systemctl stop docker docker.socket; sleep 0.$PART; put $new; asked; systemctl start docker", false},
	{"the daemon killed", "kill -9 $(systemctl show -p MainPID --value runsc-provisioner)", true},
}

// applies are our runs beside the daemon: some end, some are killed.
var applies = []string{
	applyIt + " --once --allow-downgrade --release " + older,
	applyIt + " --once --release " + newer,
	"timeout -s KILL 0.$PART " + applyIt + " --once --allow-downgrade --release " + older,
	"timeout -s KILL 1.$PART " + applyIt + " --once --allow-downgrade --release " + older,
	"timeout -s KILL 2.$PART " + applyIt + " --once --release " + newer,
	"timeout -s TERM 1.$PART " + applyIt + " --once --allow-downgrade --release " + older,
}
