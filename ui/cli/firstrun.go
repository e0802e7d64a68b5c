package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"strings"
	"time"

	apiv1 "github.com/kith-chat/kith/node/api/v1"
	"github.com/kith-chat/kith/ui"
)

// firstGroup is the group that a newcomer is offered.
const firstGroup = "lobby"

// lookAround is how long the first run waits for people on the LAN to show up.
const lookAround = 2 * time.Second

func bareCommands() []*command {
	return []*command{{
		name: "", short: "begin, or open the last chat", local: true,
		prepare: plain(func(ctx context.Context, c *call, _ []string) error {
			if !c.s.talks() {
				return c.app.help(c.out, c.lookup(""))
			}
			has, err := c.deps.HasProfile(c.home)
			if err != nil {
				return err
			}
			switch {
			case !has && c.fullScreen() && c.deps.Welcome != nil:
				return c.welcome(ctx)
			case !has:
				return c.firstRun(ctx)
			}
			if c.fullScreen() {
				return c.screen(ctx)
			}
			stop, err := c.attachOrServe(ctx, ServeOptions{OpenOptions: OpenOptions{Home: c.home}})
			if err != nil {
				return err
			}
			ref, err := c.lastChat(ctx)
			if errors.Is(err, ui.NotFound) {
				ref, err = c.offerGroup(ctx, bufio.NewReader(c.s.In))
			}
			if err == nil {
				err = c.talk(ctx, ref, chatOptions{n: historyLines})
			}
			return errors.Join(err, stop())
		}),
	}}
}

// firstRun leads from nothing to the first chat.
func (c *call) firstRun(ctx context.Context) error {
	in := bufio.NewReader(c.s.In)
	c.out.say("Welcome to kith: chat from machine to machine, without a server.")
	c.out.say("")
	if err := c.firstAccount(ctx, in); err != nil {
		return err
	}
	stop, own, err := c.attachOrOwn(ctx, ServeOptions{OpenOptions: OpenOptions{Home: c.home}})
	if err != nil {
		return err
	}
	ref, err := c.firstMeeting(ctx, in)
	switch {
	case err != nil:
	case c.fullScreen():
		err = c.showScreen(ctx, own)
	default:
		err = c.talk(ctx, ref, chatOptions{n: historyLines})
	}
	return errors.Join(err, stop())
}

// firstAccount asks for a name and a passphrase, makes the account and shows
// the words.
func (c *call) firstAccount(ctx context.Context, in *bufio.Reader) error {
	name, err := c.ask(in, "Your name, as others will see it: ")
	if err != nil {
		return err
	}
	p, given, err := c.givenPassphrase()
	if err == nil && !given {
		c.out.say("A passphrase seals your keys on this machine, and is asked for at every start.")
		c.out.say("Without one they are as safe as your files are.")
		p, err = c.newPassphrase()
	}
	if err != nil {
		return err
	}
	r, err := c.deps.Init(ctx, InitOptions{Home: c.home, Name: name, Passphrase: p})
	if err != nil {
		return err
	}
	c.known = &p
	c.out.line(vaultLine(r.Vault))
	c.out.say("")
	c.out.say("These 24 words are your account. Write them down: they are shown this once, they")
	c.out.say("bring you back on a new machine, and whoever has them is you.")
	c.out.say("")
	for _, l := range phraseLines(r.Phrase) {
		c.out.line(l)
	}
	c.out.say("")
	return c.confirmWords(in, strings.Fields(r.Phrase))
}

// confirmWords lets the person check two words, or do without.
func (c *call) confirmWords(in *bufio.Reader, words []string) error {
	first, second, err := TwoOf(len(words))
	if err != nil {
		return err
	}
	for {
		c.out.prompt(ui.F("To check, type words %d and %d; or just press enter to go on: ", first+1, second+1))
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		answer := strings.Fields(strings.ToLower(line))
		switch {
		case len(answer) == 0:
			return nil
		case len(answer) == 2 && answer[0] == words[first] && answer[1] == words[second]:
			c.out.say("Right.")
			return nil
		}
		c.out.say("That is not what stands above.")
	}
}

// TwoOf draws two places out of n, the lower one first.
func TwoOf(n int) (int, int, error) {
	if n < 2 {
		return 0, 0, ui.Internal.Because("the account has no recovery phrase")
	}
	a, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		return 0, 0, err
	}
	b, err := rand.Int(rand.Reader, big.NewInt(int64(n-1)))
	if err != nil {
		return 0, 0, err
	}
	i, j := int(a.Int64()), int(b.Int64())
	if j >= i {
		j++
	}
	return min(i, j), max(i, j), nil
}

// firstMeeting shows the invite and who is near, and joins the first group.
func (c *call) firstMeeting(ctx context.Context, in *bufio.Reader) (string, error) {
	r, err := invoke(ctx, c.api.Node.CreateInvite, &apiv1.CreateInviteRequest{})
	if err != nil {
		return "", err
	}
	c.out.say("")
	c.out.say("Give this invite to a friend; 'kith invite' makes it again:")
	c.out.say("")
	c.out.show(inviteRecord{Invite: r.GetInvite()})
	c.showQR(qrText(r), false)
	c.out.say("")
	people, err := c.peopleNear(ctx)
	if err != nil {
		return "", err
	}
	if len(people) == 0 {
		c.out.say("Nobody else is on this network yet; 'kith friends find' looks again.")
	} else {
		c.out.say("On this network are (add them with /friend NAME):")
	}
	for _, p := range people {
		c.out.show(newFound(p))
	}
	return c.offerGroup(ctx, in)
}

// peopleNear looks for people until somebody is there, but not for long.
func (c *call) peopleNear(ctx context.Context) ([]*apiv1.FoundPerson, error) {
	end := time.NewTimer(lookAround)
	defer end.Stop()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		r, err := invoke(ctx, c.api.Friends.FindPeople, &apiv1.FindPeopleRequest{})
		if err != nil || len(r.GetPeople()) > 0 {
			return r.GetPeople(), err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-end.C:
			return nil, nil
		case <-tick.C:
		}
	}
}

// offerGroup asks which group to begin with.
func (c *call) offerGroup(ctx context.Context, in *bufio.Reader) (string, error) {
	c.out.prompt(ui.F("A group to begin with, press enter for %s: ", firstGroup))
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(line)
	if name == "" {
		name = firstGroup
	}
	r, err := invoke(ctx, c.api.Chats.Join, &apiv1.JoinRequest{Name: name})
	if err != nil {
		return "", err
	}
	return r.GetChat().GetRef(), nil
}

// asks reports whether a command may ask the person something: not inside the
// line mode, which reads the lines itself.
func (c *call) asks() bool { return c.s.talks() && !c.inside && !c.out.json }

// askYes asks for a yes; anything else is a no.
func (c *call) askYes(question ui.Literal) (bool, error) {
	c.out.prompt(ui.F(question))
	line, err := bufio.NewReader(c.s.In).ReadString('\n')
	if err != nil {
		return false, err
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}
