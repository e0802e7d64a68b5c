package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// quietCommands hide what a person does not want to read, and keep what the
// screens are told.
func quietCommands() []*command {
	return []*command{
		{
			name: "ignore", args: "[WHO]", group: groupPeople, need: needStore, max: 1,
			short: "hide what somebody says in groups; without WHO list who and what is hidden",
			long: `What is hidden is kept, and comes back with --remove. To hear nothing from
somebody in a direct chat either, block them: kith friends block WHO.

With --words hides messages of groups that have one of the words; a list
replaces the one before, --words '' empties it.`,
			example: []string{"kith ignore bob", "kith ignore bob --remove", "kith ignore --words 'spoiler,lottery'"},
			prepare: prepareIgnore,
		},
		{
			name: "prefs", args: "[NAME [VALUE]]", group: groupNode, need: needStore, max: 2,
			short: "show or change what the screens keep: theme, language, keys",
			long: `The [ui] table of the config file gives the defaults; a value set here lies
over it. An empty VALUE goes back to the default.`,
			example: []string{"kith prefs", "kith prefs language zh", "kith prefs language ''"},
			prepare: plain(prefs),
		},
	}
}

func prepareIgnore(fs *pflag.FlagSet) action {
	remove := fs.Bool("remove", false, "show it again")
	words := fs.String("words", "", "words that hide a message, with commas between them")
	return func(ctx context.Context, c *call, args []string) error {
		if fs.Changed("words") {
			req := &apiv1.SetHiddenWordsRequest{Words: strings.Split(*words, ",")}
			if _, err := invoke(ctx, c.api.Friends.SetHiddenWords, req); err != nil {
				return err
			}
		}
		if len(args) == 0 {
			return listIgnored(ctx, c)
		}
		req := &apiv1.IgnoreRequest{Who: args[0], Remove: *remove}
		if _, err := invoke(ctx, c.api.Friends.Ignore, req); err != nil {
			return err
		}
		if *remove {
			c.out.show(doneRecord{"shown", args[0], ui.F("%s is shown again", args[0])})
		} else {
			c.out.show(doneRecord{"ignored", args[0], ui.F("%s is ignored in groups", args[0])})
		}
		return nil
	}
}

func listIgnored(ctx context.Context, c *call) error {
	r, err := invoke(ctx, c.api.Friends.ListIgnored, &apiv1.ListIgnoredRequest{})
	if err != nil {
		return err
	}
	for _, p := range r.GetPeople() {
		c.out.show(ignoredRecord{Account: p.GetAccount(), Name: p.GetName(), p: p})
	}
	for _, w := range r.GetWords() {
		c.out.show(ignoredRecord{Word: w})
	}
	if len(r.GetPeople())+len(r.GetWords()) == 0 {
		c.out.say("nobody and nothing is hidden")
	}
	return nil
}

// ignoredRecord is somebody whose messages are hidden, or a word that hides.
type ignoredRecord struct {
	Account string `json:"account,omitempty"`
	Name    string `json:"name,omitempty"`
	Word    string `json:"word,omitempty"`

	p *apiv1.Person
}

func (r ignoredRecord) lines(view) []ui.Text {
	if r.p == nil {
		return []ui.Text{ui.F("word    %s", ui.Line(r.Word))}
	}
	return []ui.Text{ui.F("person  %s  %s", ui.Name(r.p), r.Account)}
}

func prefs(ctx context.Context, c *call, args []string) error {
	if len(args) == 2 {
		_, err := invoke(ctx, c.api.Node.SetPreference, &apiv1.SetPreferenceRequest{Name: args[0], Value: args[1]})
		if err != nil {
			return err
		}
	}
	r, err := invoke(ctx, c.api.Node.GetPreferences, &apiv1.GetPreferencesRequest{})
	if err != nil {
		return err
	}
	all := r.GetPreferences()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if len(args) == 0 || args[0] == name {
			c.out.show(preferenceRecord{Name: name, Value: all[name]})
		}
	}
	if len(args) == 0 && len(all) == 0 {
		c.out.say("nothing is set")
	}
	return nil
}

// preferenceRecord is one thing that the screens keep.
type preferenceRecord struct {
	news
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (r preferenceRecord) lines(view) []ui.Text {
	return []ui.Text{ui.F("%s = %s", ui.Line(r.Name), ui.Line(r.Value))}
}
