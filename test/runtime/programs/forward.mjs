// Forwards connections, as ssh and kubectl do: forward.mjs FROM TO [FROM TO]..., each a port of this machine or a socket's path.
import { connect, createServer } from "node:net";

const placeOf = (text) => (/^\d+$/.test(text) ? { host: "127.0.0.1", port: Number(text) } : { path: text });

const [, , ...places] = process.argv;
for (let at = 0; at < places.length; at += 2) {
  const to = placeOf(places[at + 1]);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const peer = connect({ ...to, allowHalfOpen: true });
    socket.on("error", () => peer.destroy()).pipe(peer);
    peer.on("error", () => socket.destroy()).pipe(socket);
  });
  server.listen(placeOf(places[at]), () => console.log("listening"));
}
