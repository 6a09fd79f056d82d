// The tail's connection: begins as the page asks, acknowledges each frame, and comes back by itself after a cut, a restart or
// a sleep. `places` (the last event of each partition, merged from frame to frame) is where it goes on, without gap or double.
const SILENCE = 15000; // the server says something every five seconds
const LONGEST_PAUSE = 5000;
const FINAL = {
  4400: "this page is out of date: load it again",
  4401: "you may no longer watch: log in again",
  4403: "you may no longer watch: log in again",
  4404: "this topic is gone",
};

// on: { frame(frame, first), problem(text), state(kind, words) }
export function follow(address, begin, on) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  let socket = null;
  let places = null;
  let filter = begin.filter;
  let inForce = begin.filter;
  let pause = 300;
  let again = 0;
  let lastHeard = 0;

  const connect = () => {
    clearTimeout(again);
    const mine = new WebSocket(`${scheme}//${location.host}${address}`);
    let first = true;
    let opened = false;
    socket = mine;
    lastHeard = Date.now();
    mine.addEventListener("open", () => {
      if (socket !== mine) return;
      opened = true;
      lastHeard = Date.now();
      mine.send(JSON.stringify({ begin: { ...begin, from: places ? { places } : begin.from, filter } }));
    });
    mine.addEventListener("message", (message) => {
      if (socket !== mine) return;
      lastHeard = Date.now();
      const said = JSON.parse(message.data);
      if (said.problem !== undefined) {
        // At the very beginning it is the last word before the end; later the old filter stays in force.
        if (!first) filter = inForce;
        on.problem(said.problem, first);
        return;
      }
      pause = 300;
      places = { ...places, ...said.places };
      inForce = said.filter;
      on.frame(said, first);
      first = false;
      mine.send(JSON.stringify({ ack: said.frame }));
    });
    mine.addEventListener("close", (event) => {
      if (socket === mine) lost(event.code, opened);
    });
  };

  const end = (words) => {
    clearTimeout(again);
    socket = null;
    on.state("refused", words);
  };

  const lost = (code, opened) => {
    socket = null;
    if (FINAL[code]) {
      end(FINAL[code]);
      return;
    }
    again = setTimeout(connect, code === 4012 ? 50 : pause + Math.random() * pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
    if (code !== 4012) on.state("away", code === 4503 ? "the store does not answer: trying again" : "connection lost: trying again");
    if (!opened) askThePage();
  };

  // Refused at the door says no reason: the page itself knows whether the login still stands.
  const askThePage = () => {
    fetch(location.href, { method: "HEAD", redirect: "manual" })
      .then((answer) => {
        if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) end(FINAL[4403]);
      })
      .catch(() => {}); // no answer is what the next try is for
  };

  // A sleeping laptop or a cut network leaves a socket that looks open, says nothing, and takes a minute to close.
  setInterval(() => {
    if (!socket || Date.now() - lastHeard <= SILENCE) return;
    const dead = socket;
    lost(0, true);
    dead.close();
  }, 2000);
  addEventListener("online", () => {
    if (!socket && again) connect();
  });

  return {
    connect,
    setFilter(text) {
      filter = text;
      if (!socket) connect();
      else if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ filter: text }));
    },
  };
}
