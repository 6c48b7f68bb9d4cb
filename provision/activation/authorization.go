package activation

import (
	"slices"
	"strings"

	"runsc-provisioner/daemonjson"
	"runsc-provisioner/provision/host"
)

// flagAuthorization names plugins that decide which API requests dockerd accepts.
const flagAuthorization = "authorization-plugin"

// AuthorizationObjection says why dockerd must not load the authorization plugins of doc; "" if it runs with
// exactly these.
func AuthorizationObjection(o host.Observed, doc daemonjson.Document) string {
	if o.Flags.Set[flagAuthorization] != "" && !doc.Has(host.OptionAuthorization) {
		return "a reload would turn off the authorization plugins that dockerd has from --" + flagAuthorization +
			`: move them to "` + host.OptionAuthorization + `" in ` + o.File.Path + ", restart Docker, and run apply again"
	}
	if len(o.AuthorizationGone) > 0 {
		return "dockerd would exit on a reload, because it does not find " + strings.Join(o.AuthorizationGone, ", ") +
			" of " + host.OptionAuthorization + " in " + o.File.Path + ": start or enable the plugin" +
			", and reload or restart Docker yourself; or take it out; then run apply again"
	}
	if authorizationLoaded(o, doc) {
		return ""
	}
	return "dockerd is not known to run with " + host.OptionAuthorization + " of " + o.File.Path +
		": a reload would change which requests dockerd accepts, and dockerd exits if a plugin does not answer" +
		"; if they are right, make sure that each plugin runs, and reload or restart Docker yourself (systemctl reload " + o.Unit.Name +
		"); if not, restore the earlier value or remove them; then run apply again"
}

// authorizationLoaded reports whether dockerd is known to run with the authorization plugins of doc.
func authorizationLoaded(o host.Observed, doc daemonjson.Document) bool {
	plugins, err := host.AuthorizationPlugins(doc)
	if err != nil {
		return false
	}
	// dockerd's API shows those that it started with, whatever it has reloaded since.
	if o.Loaded.Reloaded == nil && slices.Equal(plugins, o.Engine.Authorization) {
		return true
	}
	hot := o.Loaded.Hot()
	if hot == nil {
		return false
	}
	loaded, had := hot[host.OptionAuthorization]
	if len(plugins) == 0 {
		return !had || slices.Contains(noPlugins(o.Loaded.Invocation), loaded)
	}
	return loaded == host.OptionDigests(o.Loaded.Invocation, doc)[host.OptionAuthorization]
}

// noPlugins are the digests of values that name no plugin.
func noPlugins(invocation string) (digests []string) {
	for _, value := range []string{"[]", "null"} {
		doc, err := daemonjson.Parse([]byte(`{"` + host.OptionAuthorization + `":` + value + `}`))
		if err != nil {
			panic(err) // both texts are valid
		}
		digests = append(digests, host.OptionDigests(invocation, doc)[host.OptionAuthorization])
	}
	return digests
}
