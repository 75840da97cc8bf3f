// No library at all: what any language with a WebSocket and JSON can do.
const socket = new WebSocket(process.argv[2]);
socket.onopen = () => socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "add", params: [10, 20] }));
socket.onmessage = (event) => {
  console.log("Result:", JSON.parse(event.data).result); // 30
  socket.close();
};
