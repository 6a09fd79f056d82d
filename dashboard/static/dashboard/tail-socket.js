// The tail's connection: begins as the page asks, acknowledges each frame, and comes back by itself after a cut, a restart or
// a sleep. `places` (the last event of each partition, merged from frame to frame) is where it goes on, without gap or double.
const SILENCE = 15000; // the server says something every five seconds
const SILENCE_AT_FIRST = 60000; // but opening the tails of many topics may take it a while
const STEADY = 10000; // what breaks sooner after its first frame will likely break again
const SHORTEST_PAUSE = 600;
const LONGEST_PAUSE = 5000;
const SHORTEST_WAIT_TO_BE_PERMITTED = 10000; // somebody has to grant it first
const BAD_REQUEST = 4400;
const STORE_AWAY = 4503;
const NOT_PERMITTED = 4504;
const BEGIN_AGAIN = 4012;
const NOT_ALLOWED = 4403;
const TOO_MANY = 4429;
const FINAL = {
  [BAD_REQUEST]: "this page is out of date: load it again",
  [NOT_ALLOWED]: "you may no longer watch: log in again",
  4404: "this topic is gone",
  [TOO_MANY]: "too many live tails of yours are open",
  4502: "the store does not let this be watched",
};
const AWAY = {
  [STORE_AWAY]: "the store does not answer: trying again",
  [NOT_PERMITTED]: "the store does not permit this: trying again",
  [BEGIN_AGAIN]: "the tail stopped: trying again",
};

// on: { frame(frame, first), problem(text, final), state(kind, words), barred(), seesOther() }; a problem that is not final is the
// filter's. barred: whoever looks may not watch any more; seesOther: may see more or less of each event than this page was made for.
// filterStands: whether begin's filter is one that the server takes; masking: as the page was made.
export function follow(address, begin, on, { filterStands, masking }) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  let socket = null;
  let begun = false; // whether this connection has asked to begin
  let watching = 0; // when its first frame came
  let lastHeard = 0;
  let places = null;
  let inForce = filterStands ? begin.filter : null;
  let wanted = null; // a filter that was asked for, which no frame has confirmed yet
  let pause = SHORTEST_PAUSE;
  let restarted = false;
  let again = 0;
  let ended = true; // nothing is tried until somebody asks for it

  const connect = () => {
    clearTimeout(again);
    if (ended) return;
    const mine = new WebSocket(`${scheme}//${location.host}${address}`);
    let opened = false;
    let asked = null; // the unconfirmed filter that it began with
    let why = ""; // the server's last word
    socket = mine;
    begun = false;
    watching = 0;
    lastHeard = Date.now();
    mine.addEventListener("open", () => {
      if (socket !== mine) return;
      opened = begun = true;
      lastHeard = Date.now();
      asked = wanted;
      const from = places ? { places } : begin.from;
      mine.send(JSON.stringify({ begin: { ...begin, from, filter: wanted ?? inForce ?? begin.filter } }));
    });
    mine.addEventListener("message", (message) => {
      if (socket !== mine) return;
      lastHeard = Date.now();
      const said = JSON.parse(message.data);
      if (said.problem !== undefined) {
        // A filter was refused, and the old one stays in force; or it says why the connection is about to end.
        if (watching && wanted !== null) refuse(said.problem);
        why = said.problem;
        return;
      }
      const first = !watching;
      if (first) {
        if (places) askThePage(); // a role may have been changed while nobody was connected to be told
        watching = Date.now();
        if (wanted === asked) wanted = null;
        if (why) refuse(why); // a filter that was asked for since
      }
      why = "";
      places = { ...places, ...said.places };
      inForce = said.filter;
      if (wanted === inForce) wanted = null;
      on.frame(said, first);
      mine.send(JSON.stringify({ ack: said.frame, mark: said.mark }));
    });
    mine.addEventListener("close", (event) => {
      if (socket === mine) lost(event.code, { opened, asked, why });
    });
  };

  const refuse = (text) => {
    wanted = null;
    on.problem(text, false);
  };

  const end = (words) => {
    clearTimeout(again);
    ended = true;
    const last = socket;
    socket = null;
    last?.close();
    on.state("refused", words);
  };

  const bar = () => {
    on.barred();
    end(FINAL[NOT_ALLOWED]);
  };

  const lost = (code, { opened, asked, why }) => {
    socket = null;
    if (code === BAD_REQUEST && !watching && asked !== null) {
      // Only a filter that was never in force can be at fault: without it the tail goes on.
      if (wanted === asked) wanted = null;
      on.problem(why, false);
      if (wanted === null && inForce === null) end("not watching yet");
      else connect();
      return;
    }
    if (code === NOT_ALLOWED) {
      bar();
      return;
    }
    if (FINAL[code]) {
      if (why) on.problem(why, true);
      end(code === BAD_REQUEST && why ? "not watching any more" : FINAL[code]);
      return;
    }
    if (watching && Date.now() - watching > STEADY) {
      pause = SHORTEST_PAUSE;
      restarted = false;
    }
    if (code === BEGIN_AGAIN) askThePage();
    if (code === BEGIN_AGAIN && !restarted) {
      restarted = true;
      again = setTimeout(connect, 50);
      return;
    }
    if (code === NOT_PERMITTED) pause = Math.max(pause, SHORTEST_WAIT_TO_BE_PERMITTED);
    again = setTimeout(connect, (pause * (1 + Math.random())) / 2);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
    const said = code === STORE_AWAY || code === NOT_PERMITTED ? why : "";
    on.state("away", said ? `trying again: ${said}` : (AWAY[code] ?? "connection lost: trying again"));
    if (!opened) askThePage();
  };

  // Refused at the door says no reason, nor does a new beginning: the page itself knows whether the login still stands, and what
  // is masked now.
  const askThePage = () => {
    fetch(location.href, { method: "HEAD", redirect: "manual" })
      .then((answer) => {
        if (ended) return;
        const now = answer.headers.get("Eventdesk-Masking");
        if (now && now !== masking) on.seesOther();
        if (socket?.readyState === WebSocket.OPEN) return; // it has been let in meanwhile
        if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) bar();
      })
      .catch(() => {}); // no answer is what the next try is for
  };

  const connectAnew = () => {
    ended = false;
    connect();
  };

  // A sleeping laptop or a cut network leaves a socket that looks open, says nothing, and takes a minute to close.
  setInterval(() => {
    if (!socket || Date.now() - lastHeard <= (begun && !watching ? SILENCE_AT_FIRST : SILENCE)) return;
    const dead = socket;
    lost(0, { opened: true, asked: null, why: "" });
    dead.close();
  }, 2000);
  addEventListener("online", () => {
    if (!socket) connect();
  });

  return {
    connect: connectAnew,
    setFilter(text) {
      wanted = text;
      if (!socket) connectAnew();
      else if (begun) socket.send(JSON.stringify({ filter: text }));
    },
  };
}
