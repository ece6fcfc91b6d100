/*
 * The plainest user of NFQUEUE: every packet of queue 0 comes here with its first 128 bytes, and is accepted. What it carries is what
 * a firewall in user space can carry by this way.
 */
#include <arpa/inet.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static int judge(struct nfq_q_handle *queue, struct nfgenmsg *message, struct nfq_data *data, void *unused)
{
    struct nfqnl_msg_packet_hdr *header = nfq_get_msg_packet_hdr(data);
    (void)message;
    (void)unused;
    return nfq_set_verdict(queue, header ? ntohl(header->packet_id) : 0, NF_ACCEPT, 0, NULL);
}

int main(void)
{
    static char buffer[1 << 20] __attribute__((aligned(8)));
    struct nfq_handle *handle = nfq_open();
    struct nfq_q_handle *queue = handle ? nfq_create_queue(handle, 0, judge, NULL) : NULL;
    int room = 16 << 20;
    if (!queue || nfq_set_mode(queue, NFQNL_COPY_PACKET, 128) < 0) {
        fputs("nfqueue-accept: the kernel gives no queue\n", stderr);
        return 1;
    }
    nfq_set_queue_maxlen(queue, 4096);
    nfq_set_queue_flags(queue, NFQA_CFG_F_GSO, NFQA_CFG_F_GSO);
    setsockopt(nfq_fd(handle), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    puts("ready");
    fflush(stdout);
    for (;;) {
        ssize_t length = recv(nfq_fd(handle), buffer, sizeof buffer, 0);
        if (length > 0) nfq_handle_packet(handle, buffer, (int)length);
    }
}
