import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;

/** Calls an HTTP server by HttpClient and Redis by a plain Socket: java Client.java URL HOST PORT. */
class Client {
    interface Call {
        String said() throws Exception;
    }

    static void report(String name, Call call) {
        long began = System.nanoTime();
        String said;
        try {
            said = call.said();
        } catch (Exception error) {
            said = error.toString();
        }
        System.out.printf("%s: %s, %d ms%n", name, said, (System.nanoTime() - began) / 1_000_000);
    }

    public static void main(String[] words) {
        report("HttpClient", () -> {
            HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
            HttpRequest request = HttpRequest.newBuilder(URI.create(words[0])).build();
            return client.send(request, BodyHandlers.ofString()).body();
        });
        report("Socket", () -> {
            try (Socket socket = new Socket(words[1], Integer.parseInt(words[2]))) {
                socket.getOutputStream().write("PING\r\n".getBytes());
                return new String(socket.getInputStream().readNBytes(7)).strip();
            }
        });
    }
}
