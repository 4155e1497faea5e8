package config

import (
	"encoding"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// EnvPrefix begins the names of the node's environment variables.
const EnvPrefix = "IDNODE_"

// Load reads the configuration: the defaults, then the YAML file if a path is given, then the
// environment. An unknown key of the file is an error; unknown variables are returned, because a
// misspelt one deserves a warning and another program's does not stop the node. The result has
// been checked.
func Load(path string, environ []string) (c Config, unknown []string, err error) {
	c = Default()
	k := koanf.New(".")
	if path != "" {
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return c, nil, fmt.Errorf("read configuration: %w", err)
		}
	}
	keys := Keys()
	byEnv := make(map[string]string, len(keys))
	for _, key := range keys {
		byEnv[EnvName(key)] = key
	}
	for _, key := range k.Keys() {
		if !slices.Contains(keys, key) {
			return c, nil, fmt.Errorf("configuration %s: unknown key %q", path, key)
		}
	}
	provider := env.Provider(".", env.Opt{
		Prefix:      EnvPrefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			key, ok := byEnv[name]
			if !ok {
				unknown = append(unknown, name)
				return "", nil
			}
			return key, value
		},
	})
	if err := k.Load(provider, nil); err != nil {
		return c, nil, fmt.Errorf("read environment: %w", err)
	}
	err = k.UnmarshalWithConf("", &c, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		Result: &c, ErrorUnused: true, WeaklyTypedInput: true, TagName: "koanf",
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(), fractionHook, listHook, mapstructure.TextUnmarshallerHookFunc()),
	}})
	if err != nil {
		return c, nil, fmt.Errorf("configuration: %w", err)
	}
	sort.Strings(unknown)
	return c, unknown, c.Check()
}

// fractionHook refuses a YAML number with a fraction where text is due: the prefix 88.1020 without
// quotes has become 88.102 by then, which is another node's.
func fractionHook(from, to reflect.Type, value any) (any, error) {
	if from.Kind() == reflect.Float64 && to.Kind() == reflect.String {
		return nil, fmt.Errorf("%v was read as a number, which loses zeros at its end: put it in quotes", value)
	}
	return value, nil
}

// listHook splits "a,b" for lists, as environment variables write them.
func listHook(from, to reflect.Type, value any) (any, error) {
	if from.Kind() != reflect.String || to.Kind() != reflect.Slice {
		return value, nil
	}
	var list []string
	for part := range strings.SplitSeq(value.(string), ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list, nil
}

// EnvName is the environment variable of a key: IDNODE_ and its path in upper case with "_".
func EnvName(key string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// Keys lists every key in the order of the struct.
func Keys() []string {
	var keys []string
	walk(reflect.ValueOf(Default()), "", func(key string, _ reflect.Value) { keys = append(keys, key) })
	return keys
}

func walk(v reflect.Value, prefix string, fn func(key string, v reflect.Value)) {
	for i := range v.NumField() {
		key := prefix + v.Type().Field(i).Tag.Get("koanf")
		if f := v.Field(i); f.Kind() == reflect.Struct {
			walk(f, key+".", fn)
		} else {
			fn(key, f)
		}
	}
}

// Print writes c as YAML that Load reads back.
func (c *Config) Print() ([]byte, error) {
	k := koanf.New(".")
	var err error
	walk(reflect.ValueOf(*c), "", func(key string, v reflect.Value) {
		var value any = v.Interface()
		switch x := value.(type) {
		case time.Duration:
			value = x.String()
		case encoding.TextMarshaler:
			b, _ := x.MarshalText()
			value = string(b)
		}
		if e := k.Set(key, value); e != nil && err == nil {
			err = e
		}
	})
	if err != nil {
		return nil, err
	}
	return k.Marshal(yaml.Parser())
}

// LogLevel is log.level.
func (c *Config) LogLevel() (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return 0, fmt.Errorf("%q is none of debug, info, warn, error", c.Log.Level)
	}
	return l, nil
}

// Logger writes to standard error as log.format and log.level say.
func (c *Config) Logger() *slog.Logger {
	level, err := c.LogLevel()
	if err != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o))
}
