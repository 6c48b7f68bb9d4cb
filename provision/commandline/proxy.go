package commandline

// proxyVariables are the environment variables from which a Go program takes the proxy for https.
var proxyVariables = []string{"HTTPS_PROXY", "https_proxy"}

// ProxyVariable returns the name of the environment variable by which the unit gives dockerd a proxy for
// https; "" if there is none. It does not know the environment of systemd itself.
func ProxyVariable(s Service) (string, error) {
	environment, err := environmentOf(s)
	if err != nil {
		return "", err
	}
	for _, name := range proxyVariables {
		if environment[name] != "" {
			return name, nil
		}
	}
	return "", nil
}
