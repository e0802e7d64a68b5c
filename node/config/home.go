package config

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	envHome = "KITH_HOME"
	appName = "kith"
)

// Home returns the profile's folder as an absolute path: flag if that is not
// empty, else KITH_HOME, else DefaultHome. environ is as in Options.
func Home(flag string, environ []string) (string, error) {
	env := newEnviron(environ)
	for _, given := range []string{flag, env[envHome]} {
		if given == "" {
			continue
		}
		path, err := filepath.Abs(given)
		if err != nil {
			return "", fmt.Errorf("finding the home: %w", err)
		}
		return path, nil
	}
	return defaultHome(env)
}

// DefaultHome returns the profile's folder of somebody who names none:
// kith in XDG_DATA_HOME or ~/.local/share, on macOS and Windows in the
// system's folder for application data. environ is as in Options.
func DefaultHome(environ []string) (string, error) { return defaultHome(newEnviron(environ)) }

func defaultHome(env environ) (string, error) {
	if dir := env["XDG_DATA_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, appName), nil
	}
	switch runtime.GOOS {
	case "darwin", "ios", "windows":
		dir, err := os.UserConfigDir()
		if err != nil {
			return "", fmt.Errorf("finding the home: %w", err)
		}
		return filepath.Join(dir, appName), nil
	}
	user, err := userHome(env)
	if err != nil {
		return "", err
	}
	return filepath.Join(user, ".local", "share", appName), nil
}

// homeSource says where the home came from, for show.
func homeSource(home string, env environ) string {
	if given := env[envHome]; given != "" {
		if abs, err := filepath.Abs(given); err == nil && abs == home {
			return "environment " + envHome
		}
	}
	if usual, err := defaultHome(env); err == nil && usual == home {
		return "default"
	}
	return "flag --home"
}

// userHome returns the person's own home directory.
func userHome(env environ) (string, error) {
	if dir := env["HOME"]; filepath.IsAbs(dir) {
		return dir, nil
	}
	dir, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("it is not known where your home directory is: set HOME, or give --home")
	}
	return dir, nil
}

// downloadDir returns the default folder for files: kith in the person's
// download folder.
func downloadDir(env environ) (string, error) {
	if dir := env["XDG_DOWNLOAD_DIR"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, appName), nil
	}
	user, err := userHome(env)
	if err != nil {
		return "", err
	}
	config := env["XDG_CONFIG_HOME"]
	if !filepath.IsAbs(config) {
		config = filepath.Join(user, ".config")
	}
	if dir := userDir(filepath.Join(config, "user-dirs.dirs"), user); dir != "" {
		return filepath.Join(dir, appName), nil
	}
	return filepath.Join(user, "Downloads", appName), nil
}

// userDir reads the download folder from a file of xdg-user-dirs; "" if it
// names none. A folder that equals the home directory means none.
func userDir(path, user string) string {
	raw, err := readBounded(path)
	if err != nil {
		return ""
	}
	found := ""
	lines := bufio.NewScanner(strings.NewReader(string(raw)))
	for lines.Scan() {
		value, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "XDG_DOWNLOAD_DIR=")
		if !ok {
			continue
		}
		value = strings.Trim(value, `"`)
		if rest, inside := strings.CutPrefix(value, "$HOME"); inside {
			value = user + rest
		}
		if filepath.IsAbs(value) && filepath.Clean(value) != filepath.Clean(user) {
			found = filepath.Clean(value)
		}
	}
	return found
}

// absolute reads a path that is absolute or begins with ~/. A path that
// depends on where the program was started would not be the same twice.
func absolute(path string, env environ) (string, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		user, err := userHome(env)
		if err != nil {
			return "", err
		}
		path = filepath.Join(user, rest)
	}
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("%q is not an absolute path", path)
	}
	return filepath.Clean(path), nil
}
