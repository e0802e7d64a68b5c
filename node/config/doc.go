// Package config finds the settings of a node. A setting has one name
// everywhere: dht in the file config.toml of the profile, KITH_DHT in the
// environment, --dht on the command line. Flags win over the environment,
// which wins over the file, which wins over the defaults.
//
//	r, err := config.Resolve(config.Options{Home: home, Flags: flags})
//	for _, s := range r.Settings {
//		fmt.Println(s.Name, s.Value, s.Source)
//	}
//
// The package must not know what the settings do: it makes sure that each has
// a form that can be meant, and says where a value came from. Secrets are no
// settings, so that nothing here needs to be hidden.
//
// Read settings.go next: the one table of what there is.
package config
