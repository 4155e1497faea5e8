package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/idnode/idnode/cmd/internal/doctor"
)

func doctorCommand(f *flags) *cobra.Command {
	var e doctor.Examination
	var output, lang string
	var all bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look at configuration and machine, and say what is wrong and what helps", Args: noArgs,
		Long: `idnode doctor looks at the configuration, ports, UDP buffers, bounds on files and memory, the data directory and how
fast its disk is synced, the clock, certificates, Redis, the nodes that are reported to, and the newest backup, of a
node that runs or of one that is to be started. It changes nothing.

Exit code 1 says that it found an error; warnings give 0.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			l := doctor.Language(lang)
			switch {
			case lang == "":
				l = language(os.Getenv)
			case l != doctor.English && l != doctor.Chinese:
				return usageError{fmt.Errorf("--lang is zh or en, not %q", lang)}
			}
			e.Config, e.Unknown, e.Err = f.load()
			found := doctor.Run(cmd.Context(), &e)
			errs := 0
			told := make([]doctor.Told, 0, len(found))
			for i := range found {
				told = append(told, found[i].In(l))
				if found[i].Level == doctor.Error {
					errs++
				}
			}
			if err := printFindings(cmd, told, output, l, all); err != nil {
				return err
			}
			if errs > 0 {
				return errFound
			}
			return nil
		}}
	cmd.Flags().StringVar(&lang, "lang", "", "zh or en; default as LC_ALL, LC_MESSAGES or LANG says")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	cmd.Flags().BoolVar(&all, "all", false, "print what is right as well; json always has it")
	cmd.Flags().StringSliceVar(&e.Redis, "redis", nil, "`address` of a Redis server to look at")
	cmd.Flags().StringVar(&e.NTP, "ntp", "", "time `server` to compare the clock with")
	return cmd
}

// language is that of messages in the environment, by POSIX.1-2017, section 8.2, as idctl goes by it.
func language(getenv func(string) string) doctor.Language {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale := getenv(name); locale != "" {
			if strings.HasPrefix(strings.ToLower(locale), "zh") {
				return doctor.Chinese
			}
			return doctor.English
		}
	}
	return doctor.English
}

func printFindings(cmd *cobra.Command, told []doctor.Told, output string, l doctor.Language, all bool) error {
	out := cmd.OutOrStdout()
	if output == "json" {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(told)
	}
	count := make(map[doctor.Level]int)
	for _, t := range told {
		count[t.Level]++
		if t.Level == doctor.OK && !all {
			continue
		}
		if _, err := fmt.Fprintf(out, "%s [%s] %s\n", doctor.LevelIn(t.Level, l), t.Check, t.Message); err != nil {
			return err
		}
		if t.Fix != "" {
			if _, err := fmt.Fprintf(out, "    → %s\n", t.Fix); err != nil {
				return err
			}
		}
	}
	format := "%d right, %d warnings, %d errors\n"
	if l == doctor.Chinese {
		format = "正常 %d 项，警告 %d 项，错误 %d 项\n"
	}
	_, err := fmt.Fprintf(out, format, count[doctor.OK], count[doctor.Warning], count[doctor.Error])
	return err
}
